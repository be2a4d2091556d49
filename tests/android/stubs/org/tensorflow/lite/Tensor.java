package org.tensorflow.lite;

import java.nio.ByteBuffer;

/** See Interpreter.java. */
public interface Tensor {
  class QuantizationParams {
    public QuantizationParams(float scale, int zeroPoint) {}

    public float getScale() { throw new UnsupportedOperationException("stub"); }

    public int getZeroPoint() { throw new UnsupportedOperationException("stub"); }
  }

  DataType dataType();

  int[] shape();

  int index();

  String name();

  QuantizationParams quantizationParams();

  ByteBuffer asReadOnlyBuffer();
}
