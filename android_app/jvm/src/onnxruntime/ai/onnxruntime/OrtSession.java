package ai.onnxruntime;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import java.util.LinkedHashMap;
import java.util.Map;

public class OrtSession implements AutoCloseable {
    private final Pointer handle;

    OrtSession(Pointer handle) {
        this.handle = handle;
    }

    public Map<String, NodeInfo> getInputInfo() throws OrtException {
        return ports(Api.INPUT_COUNT, Api.INPUT_NAME, Api.INPUT_TYPE);
    }

    public Map<String, NodeInfo> getOutputInfo() throws OrtException {
        return ports(Api.OUTPUT_COUNT, Api.OUTPUT_NAME, Api.OUTPUT_TYPE);
    }

    /** Run with outputs that the caller has; the result has nothing of its own. */
    public Result run(Map<String, ? extends OnnxTensorLike> inputs, Map<String, ? extends OnnxValue> outputs)
            throws OrtException {
        Api.call(Api.RUN, handle, null, names(inputs), values(inputs), (long) inputs.size(),
            names(outputs), (long) outputs.size(), values(outputs));
        return new Result();
    }

    public String endProfiling() throws OrtException {
        return Api.text(Api.made(Api.END_PROFILING, handle, Api.allocator()));
    }

    @Override
    public void close() throws OrtException {
        Api.release(Api.RELEASE_SESSION, handle);
    }

    private Map<String, NodeInfo> ports(int count, int name, int type) throws OrtException {
        Map<String, NodeInfo> found = new LinkedHashMap<>();
        long ports = Api.number(count, handle);
        for (long port = 0; port < ports; port++) {
            String key = Api.text(Api.made(name, handle, port, Api.allocator()));
            Pointer about = Api.made(type, handle, port);
            Pointer tensor = Api.made(Api.CAST_TO_TENSOR_INFO, about);
            ValueInfo info = tensor == null ? new ValueInfo() { } : described(tensor);
            Api.release(Api.RELEASE_TYPE_INFO, about);
            found.put(key, new NodeInfo(key, info));
        }
        return found;
    }

    private static TensorInfo described(Pointer tensor) throws OrtException {
        int count = (int) Api.number(Api.DIMENSIONS_COUNT, tensor);
        Memory sides = new Memory(8L * Math.max(count, 1));
        Api.call(Api.DIMENSIONS, tensor, sides, (long) count);
        return new TensorInfo(OnnxJavaType.of((int) Api.number(Api.ELEMENT_TYPE, tensor)), sides.getLongArray(0, count));
    }

    private static StringArray names(Map<String, ?> values) {
        return new StringArray(values.keySet().toArray(new String[0]));
    }

    private static Memory values(Map<String, ?> values) {
        Memory handles = new Memory(8L * Math.max(values.size(), 1));
        long place = 0;
        for (Object value : values.values()) {
            handles.setPointer(8 * place++, ((OnnxTensorLike) value).handle);
        }
        return handles;
    }

    public static class Result implements AutoCloseable {
        @Override
        public void close() {
        }
    }

    public static class SessionOptions implements AutoCloseable {
        public enum ExecutionMode {
            SEQUENTIAL, PARALLEL
        }

        final Pointer handle;

        public SessionOptions() {
            try {
                handle = Api.made(Api.CREATE_OPTIONS);
            } catch (OrtException error) {
                throw new IllegalStateException(error);
            }
        }

        public void setIntraOpNumThreads(int threads) throws OrtException {
            Api.call(Api.INTRA_OP_THREADS, handle, threads);
        }

        public void setInterOpNumThreads(int threads) throws OrtException {
            Api.call(Api.INTER_OP_THREADS, handle, threads);
        }

        public void setExecutionMode(ExecutionMode mode) throws OrtException {
            Api.call(Api.EXECUTION_MODE, handle, mode.ordinal());
        }

        public void enableProfiling(String prefix) throws OrtException {
            Api.call(Api.ENABLE_PROFILING, handle, prefix);
        }

        public void addConfigEntry(String key, String value) throws OrtException {
            Api.call(Api.ADD_CONFIG_ENTRY, handle, key, value);
        }

        public void addXnnpack(Map<String, String> options) throws OrtException {
            append("XNNPACK", options);
        }

        public void addQnn(Map<String, String> options) throws OrtException {
            append("QNN", options);
        }

        private void append(String provider, Map<String, String> options) throws OrtException {
            StringArray keys = new StringArray(options.keySet().toArray(new String[0]));
            StringArray values = new StringArray(options.values().toArray(new String[0]));
            Api.call(Api.APPEND_PROVIDER, handle, provider, keys, values, (long) options.size());
        }

        @Override
        public void close() {
            Api.release(Api.RELEASE_OPTIONS, handle);
        }
    }
}
