package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** What the app uses of LiteRT's Interpreter, to compile against: no more, and without bodies. */
public final class Interpreter implements AutoCloseable {
  public static class Options {
    public Options setNumThreads(int count) { throw new UnsupportedOperationException("stub"); }

    public Options setUseXNNPACK(boolean use) { throw new UnsupportedOperationException("stub"); }
  }

  public Interpreter(ByteBuffer model, Options options) {}

  public void allocateTensors() {}

  public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {}

  public int getInputTensorCount() { throw new UnsupportedOperationException("stub"); }

  public int getOutputTensorCount() { throw new UnsupportedOperationException("stub"); }

  public Tensor getInputTensor(int index) { throw new UnsupportedOperationException("stub"); }

  public Tensor getOutputTensor(int index) { throw new UnsupportedOperationException("stub"); }

  public String[] getSignatureKeys() { throw new UnsupportedOperationException("stub"); }

  public String[] getSignatureInputs(String key) { throw new UnsupportedOperationException("stub"); }

  public String[] getSignatureOutputs(String key) { throw new UnsupportedOperationException("stub"); }

  public Tensor getInputTensorFromSignature(String name, String key) { throw new UnsupportedOperationException("stub"); }

  public Tensor getOutputTensorFromSignature(String name, String key) { throw new UnsupportedOperationException("stub"); }

  @Override
  public void close() {}
}
