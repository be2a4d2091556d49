package ai.onnxruntime;

import com.sun.jna.Pointer;

public final class OrtEnvironment implements AutoCloseable {
    private static OrtEnvironment only;
    final Pointer handle;

    private OrtEnvironment(OrtLoggingLevel level) throws OrtException {
        handle = Api.made(Api.CREATE_ENV, level.ordinal(), "edgebench");
    }

    public static synchronized OrtEnvironment getEnvironment(OrtLoggingLevel level) {
        try {
            only = only == null ? new OrtEnvironment(level) : only;
            return only;
        } catch (OrtException error) {
            throw new IllegalStateException(error);
        }
    }

    public void setTelemetry(boolean on) throws OrtException {
        Api.call(on ? Api.ENABLE_TELEMETRY : Api.DISABLE_TELEMETRY, handle);
    }

    public String getVersion() {
        return Api.version();
    }

    public OrtSession createSession(String model, OrtSession.SessionOptions options) throws OrtException {
        return new OrtSession(Api.made(Api.CREATE_SESSION, handle, model, options.handle));
    }

    @Override
    public void close() {
    }
}
