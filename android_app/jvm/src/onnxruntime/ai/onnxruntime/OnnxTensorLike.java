package ai.onnxruntime;

import com.sun.jna.Pointer;

public abstract class OnnxTensorLike implements OnnxValue {
    final Pointer handle;

    OnnxTensorLike(Pointer handle) {
        this.handle = handle;
    }

    @Override
    public void close() {
        Api.release(Api.RELEASE_VALUE, handle);
    }
}
