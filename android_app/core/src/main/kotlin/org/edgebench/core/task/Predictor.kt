package org.edgebench.core.task

import org.edgebench.core.run.Engine
import org.edgebench.core.tensor.Images

/** A bundled model that is loaded: from the pixels of an image to what the model says of it. Used by one thread. */
class Predictor(val model: BundledModel, private val engine: Engine) : AutoCloseable {
    /** The time of the last inference alone. */
    var inferenceNs = 0L
        private set

    /** Predict from pixels (model.height, model.width, 3), row by row. */
    fun predict(rgb: ByteArray): Prediction {
        require(rgb.size == model.height * model.width * 3) { "${rgb.size} bytes are no image of ${model.width} x ${model.height}" }
        engine.feed(0, Images.prepare(rgb, model.height, model.width, model.preprocessing))
        val start = System.nanoTime()
        engine.run()
        inferenceNs = System.nanoTime() - start
        return model.task.read(engine::output)
    }

    override fun close() = engine.close()
}
