package org.edgebench.app.picture

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.ImageDecoder
import android.graphics.Matrix
import android.media.ExifInterface
import android.net.Uri
import android.os.Build
import org.edgebench.core.tensor.Crop
import java.io.IOException
import kotlin.math.max

/** Pictures of the gallery, upright as their EXIF says, and small enough for the screen. */
internal object Pictures {
    /** The longer side of what is decoded, at most. */
    private const val LARGEST = 2048

    /** Throws [IOException] for what is no picture. */
    fun read(resolver: ContentResolver, uri: Uri): Bitmap =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) decode(resolver, uri) else decodeOld(resolver, uri)

    /** The pixels of a part, row by row. */
    fun toRgb(picture: Bitmap, crop: Crop, into: ByteArray) {
        val colours = IntArray(picture.width * picture.height)
        picture.getPixels(colours, 0, picture.width, 0, 0, picture.width, picture.height)
        var at = 0
        for (y in 0 until crop.toHeight) {
            for (x in 0 until crop.toWidth) {
                val colour = colours[crop.source(x, y)]
                into[at++] = (colour shr 16).toByte()
                into[at++] = (colour shr 8).toByte()
                into[at++] = colour.toByte()
            }
        }
    }

    private fun decode(resolver: ContentResolver, uri: Uri): Bitmap =
        ImageDecoder.decodeBitmap(ImageDecoder.createSource(resolver, uri)) { decoder, info, _ ->
            decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // Its pixels are read.
            decoder.setTargetSampleSize(sample(info.size.width, info.size.height))
        }

    private fun decodeOld(resolver: ContentResolver, uri: Uri): Bitmap {
        val options = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        resolver.openInputStream(uri).use { BitmapFactory.decodeStream(it, null, options) }
        options.inSampleSize = sample(options.outWidth, options.outHeight)
        options.inJustDecodeBounds = false
        val found = resolver.openInputStream(uri).use { BitmapFactory.decodeStream(it, null, options) }
            ?: throw IOException("$uri is no picture that this phone can read")
        val upright = resolver.openInputStream(uri)?.use { ExifInterface(it) }?.let(::matrix) ?: return found
        return Bitmap.createBitmap(found, 0, 0, found.width, found.height, upright, true)
    }

    private fun sample(width: Int, height: Int) = max(1, Integer.highestOneBit(max(1, (max(width, height) + LARGEST - 1) / LARGEST)))

    /** How to bring a picture upright. The eight orientations are those of EXIF 2.3, table 4. */
    private fun matrix(exif: ExifInterface): Matrix? {
        val turned = Matrix()
        when (exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)) {
            ExifInterface.ORIENTATION_FLIP_HORIZONTAL -> turned.setScale(-1f, 1f)
            ExifInterface.ORIENTATION_ROTATE_180 -> turned.setRotate(180f)
            ExifInterface.ORIENTATION_FLIP_VERTICAL -> turned.setScale(1f, -1f)
            ExifInterface.ORIENTATION_TRANSPOSE -> turned.apply { setRotate(90f) }.postScale(-1f, 1f)
            ExifInterface.ORIENTATION_ROTATE_90 -> turned.setRotate(90f)
            ExifInterface.ORIENTATION_TRANSVERSE -> turned.apply { setRotate(-90f) }.postScale(-1f, 1f)
            ExifInterface.ORIENTATION_ROTATE_270 -> turned.setRotate(-90f)
            else -> return null
        }
        return turned
    }
}
