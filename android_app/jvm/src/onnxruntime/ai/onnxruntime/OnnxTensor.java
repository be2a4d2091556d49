package ai.onnxruntime;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;

public class OnnxTensor extends OnnxTensorLike {
    private final ByteBuffer kept;

    private OnnxTensor(Pointer handle, ByteBuffer kept) {
        super(handle);
        this.kept = kept;
    }

    /** A tensor in the memory of a direct buffer. */
    public static OnnxTensor createTensor(OrtEnvironment environment, ByteBuffer data, long[] shape, OnnxJavaType type)
            throws OrtException {
        Pointer memory = Native.getDirectBufferPointer(data);
        Memory sides = new Memory(8L * Math.max(shape.length, 1));
        sides.write(0, shape, 0, shape.length);
        long bytes = data.remaining();
        Pointer place = Api.made(Api.CREATE_CPU_MEMORY_INFO, 0, 0);
        try {
            return new OnnxTensor(
                Api.made(Api.CREATE_TENSOR, place, memory, bytes, sides, (long) shape.length, type.number), data);
        } finally {
            Api.release(Api.RELEASE_MEMORY_INFO, place);
        }
    }
}
