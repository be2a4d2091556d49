package ai.onnxruntime;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;

/**
 * ONNX Runtime's C interface: a table of functions, by place (struct OrtApi of onnxruntime_c_api.h; places never change).
 * The property `onnxruntime` has the path of the library.
 */
final class Api {
    static final int CREATE_ENV = 3;
    static final int ENABLE_TELEMETRY = 5;
    static final int DISABLE_TELEMETRY = 6;
    static final int CREATE_SESSION = 7;
    static final int RUN = 9;
    static final int CREATE_OPTIONS = 10;
    static final int EXECUTION_MODE = 13;
    static final int ENABLE_PROFILING = 14;
    static final int INTRA_OP_THREADS = 24;
    static final int INTER_OP_THREADS = 25;
    static final int INPUT_COUNT = 30;
    static final int OUTPUT_COUNT = 31;
    static final int INPUT_TYPE = 33;
    static final int OUTPUT_TYPE = 34;
    static final int INPUT_NAME = 36;
    static final int OUTPUT_NAME = 37;
    static final int CREATE_TENSOR = 49;
    static final int CAST_TO_TENSOR_INFO = 55;
    static final int ELEMENT_TYPE = 60;
    static final int DIMENSIONS_COUNT = 61;
    static final int DIMENSIONS = 62;
    static final int CREATE_CPU_MEMORY_INFO = 69;
    static final int RELEASE_MEMORY_INFO = 94;
    static final int RELEASE_SESSION = 95;
    static final int RELEASE_VALUE = 96;
    static final int RELEASE_TYPE_INFO = 98;
    static final int RELEASE_OPTIONS = 100;
    static final int END_PROFILING = 110;
    static final int ADD_CONFIG_ENTRY = 130;
    static final int APPEND_PROVIDER = 216;
    private static final int ERROR_MESSAGE = 2;
    private static final int ALLOCATOR_FREE = 76;
    private static final int DEFAULT_ALLOCATOR = 78;
    private static final int RELEASE_STATUS = 93;

    private static final int VERSION = 20;
    private static final int PLACES = 280;
    private static final Pointer BASE =
        NativeLibrary.getInstance(System.getProperty("onnxruntime")).getFunction("OrtGetApiBase").invokePointer(new Object[0]);
    private static final Pointer TABLE = at(BASE, 0).invokePointer(new Object[] {VERSION});
    private static final Function[] FUNCTIONS = new Function[PLACES];

    private Api() {
    }

    static String version() {
        return at(BASE, 1).invokeString(new Object[0], false);
    }

    static void call(int place, Object... arguments) throws OrtException {
        Pointer status = function(place).invokePointer(arguments);
        if (status != null) {
            String message = function(ERROR_MESSAGE).invokeString(new Object[] {status}, false);
            release(RELEASE_STATUS, status);
            throw new OrtException(message);
        }
    }

    /** Call a function whose last argument takes the pointer that it makes. */
    static Pointer made(int place, Object... arguments) throws OrtException {
        PointerByReference made = new PointerByReference();
        call(place, with(arguments, made));
        return made.getValue();
    }

    /** Call a function whose last argument takes a number. */
    static long number(int place, Object... arguments) throws OrtException {
        com.sun.jna.Memory number = new com.sun.jna.Memory(8);
        number.clear();
        call(place, with(arguments, number));
        return number.getLong(0);
    }

    /** A text of ONNX Runtime's own memory, which is given back. */
    static String text(Pointer text) throws OrtException {
        String found = text.getString(0);
        call(ALLOCATOR_FREE, allocator(), text);
        return found;
    }

    static Pointer allocator() throws OrtException {
        return made(DEFAULT_ALLOCATOR);
    }

    static void release(int place, Pointer what) {
        function(place).invokeVoid(new Object[] {what});
    }

    private static Object[] with(Object[] arguments, Object last) {
        Object[] all = java.util.Arrays.copyOf(arguments, arguments.length + 1, Object[].class);
        all[arguments.length] = last;
        return all;
    }

    private static Function function(int place) {
        if (FUNCTIONS[place] == null) {
            FUNCTIONS[place] = at(TABLE, place);
        }
        return FUNCTIONS[place];
    }

    private static Function at(Pointer table, int place) {
        return Function.getFunction(table.getPointer((long) place * com.sun.jna.Native.POINTER_SIZE));
    }
}
