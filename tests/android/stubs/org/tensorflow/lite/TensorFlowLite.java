package org.tensorflow.lite;

/** See Interpreter.java. */
public final class TensorFlowLite {
  private TensorFlowLite() {}

  public static String runtimeVersion() { throw new UnsupportedOperationException("stub"); }
}
