package ai.onnxruntime;

/** The types of elements, each with its number in the C interface (ONNXTensorElementDataType). */
public enum OnnxJavaType {
    FLOAT(1), DOUBLE(11), INT8(3), INT16(5), INT32(6), INT64(7), BOOL(9), STRING(8), UINT8(2), FLOAT16(10), BFLOAT16(16),
    UNKNOWN(0);

    final int number;

    OnnxJavaType(int number) {
        this.number = number;
    }

    static OnnxJavaType of(int number) {
        for (OnnxJavaType one : values()) {
            if (one.number == number) {
                return one;
            }
        }
        return UNKNOWN;
    }
}
