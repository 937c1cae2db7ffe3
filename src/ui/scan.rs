//! Reading QR codes from pictures and from the camera. Pictures are scaled down first, so that one look takes a few
//! milliseconds.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::JsValue;
use leptos::web_sys;
use wasm_bindgen_futures::JsFuture;

/// The longer side of a picture when it is looked at, first coarse, then fine.
const SIDES: [f64; 3] = [480.0, 800.0, 1200.0];

/// Why no code came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    /// The file is no picture, or has no code.
    Nothing,
    /// No camera, or not allowed.
    Denied,
}

/// The text of the first QR code in a picture file.
///
/// # Errors
/// [`ScanError::Nothing`].
pub async fn read_file(file: &web_sys::File) -> Result<String, ScanError> {
    let promise = window().create_image_bitmap_with_blob(file).map_err(|_| ScanError::Nothing)?;
    let bitmap: web_sys::ImageBitmap =
        JsFuture::from(promise).await.ok().and_then(|value| value.dyn_into().ok()).ok_or(ScanError::Nothing)?;
    let (width, height) = (f64::from(bitmap.width()), f64::from(bitmap.height()));
    let mut found = None;
    for side in SIDES {
        let scale = (side / width.max(height)).min(1.0);
        found = look(width * scale, height * scale, |context, w, h| {
            context.draw_image_with_image_bitmap_and_dw_and_dh(&bitmap, 0.0, 0.0, w, h)
        });
        if found.is_some() || scale >= 1.0 {
            break;
        }
        // Let the page breathe between two looks.
        gloo_timers::future::TimeoutFuture::new(0).await;
    }
    bitmap.close();
    found.ok_or(ScanError::Nothing)
}

/// A running camera. Dropping it does not stop it: call [`Camera::stop`].
#[derive(Clone)]
pub struct Camera {
    stream: web_sys::MediaStream,
}

impl Camera {
    /// Asks for the camera at the back.
    ///
    /// # Errors
    /// [`ScanError::Denied`].
    pub async fn start() -> Result<Self, ScanError> {
        let devices = window().navigator().media_devices().map_err(|_| ScanError::Denied)?;
        let facing = js_sys::Object::new();
        let _ = js_sys::Reflect::set(&facing, &JsValue::from_str("facingMode"), &JsValue::from_str("environment"));
        let wanted = web_sys::MediaStreamConstraints::new();
        wanted.set_video(&facing);
        let promise = devices.get_user_media_with_constraints(&wanted).map_err(|_| ScanError::Denied)?;
        let stream =
            JsFuture::from(promise).await.ok().and_then(|value| value.dyn_into().ok()).ok_or(ScanError::Denied)?;
        Ok(Self { stream })
    }

    /// Shows what the camera sees.
    pub async fn show(&self, video: &web_sys::HtmlVideoElement) {
        video.set_src_object(Some(&self.stream));
        if let Ok(playing) = video.play() {
            let _ = JsFuture::from(playing).await;
        }
    }

    /// Gives the camera back.
    pub fn stop(&self) {
        for track in self.stream.get_tracks().iter() {
            if let Ok(track) = track.dyn_into::<web_sys::MediaStreamTrack>() {
                track.stop();
            }
        }
    }
}

/// Looks at the picture the camera shows now.
#[must_use]
pub fn read_video(video: &web_sys::HtmlVideoElement) -> Option<String> {
    let (width, height) = (f64::from(video.video_width()), f64::from(video.video_height()));
    if width < 1.0 || height < 1.0 {
        return None;
    }
    let scale = (480.0 / width.max(height)).min(1.0);
    look(width * scale, height * scale, |context, w, h| {
        context.draw_image_with_html_video_element_and_dw_and_dh(video, 0.0, 0.0, w, h)
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1200, checked by the callers")]
fn look(
    width: f64,
    height: f64,
    draw: impl FnOnce(&web_sys::CanvasRenderingContext2d, f64, f64) -> Result<(), JsValue>,
) -> Option<String> {
    let (w, h) = (width.round().max(1.0), height.round().max(1.0));
    let canvas: web_sys::HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(w as u32);
    canvas.set_height(h as u32);
    let context: web_sys::CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    draw(&context, w, h).ok()?;
    let pixels = context.get_image_data(0, 0, w as i32, h as i32).ok()?.data().0;
    let grey: Vec<u8> = pixels.chunks_exact(4).map(lightness).collect();
    read(w as usize, h as usize, &grey)
}

/// The text of the first readable code in a picture of grey pixels, row by row.
fn read(width: usize, height: usize, grey: &[u8]) -> Option<String> {
    let mut reader = quircs::Quirc::default();
    let codes = reader.identify(width, height, grey);
    codes.filter_map(|code| code.ok()?.decode().ok()).find_map(|data| String::from_utf8(data.payload).ok())
}

/// How light a pixel (red, green, blue, alpha) is, 0 to 255.
fn lightness(pixel: &[u8]) -> u8 {
    let [red, green, blue, alpha] = <[u8; 4]>::try_from(pixel).unwrap_or([255; 4]);
    let light = (u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29) >> 8;
    // Clear means paper.
    let alpha = u32::from(alpha);
    u8::try_from((light * alpha + 255 * (255 - alpha)) / 255).unwrap_or(255)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::read;

    wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

    /// A code as we show it, each module 4 pixels wide, with a quiet border of 4 modules.
    fn picture(text: &str) -> (usize, Vec<u8>) {
        let code = fast_qr::QRBuilder::new(text).build().unwrap();
        let side = (code.size + 8) * 4;
        let dark = |at: usize| (at / 4).checked_sub(4).filter(|module| *module < code.size);
        let pixel = |at: usize| match (dark(at % side), dark(at / side)) {
            (Some(x), Some(y)) if code[y][x].value() => 0,
            _ => 255,
        };
        (side, (0..side * side).map(pixel).collect())
    }

    #[wasm_bindgen_test]
    fn what_we_show_as_a_code_is_what_we_read() {
        let link = "http://127.0.0.1:8100/#/c/05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27";
        let (side, grey) = picture(link);
        assert_eq!(read(side, side, &grey).as_deref(), Some(link));
    }

    #[wasm_bindgen_test]
    fn pictures_without_a_code_give_nothing() {
        let (side, mut grey) = picture("hello");
        assert_eq!(read(side, side, &vec![255; side * side]), None);
        let mut state = 1_u32;
        for pixel in &mut grey {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *pixel = state.to_be_bytes()[0];
        }
        assert_eq!(read(side, side, &grey), None);
    }
}
