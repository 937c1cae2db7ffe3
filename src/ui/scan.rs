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
    let mut reader = quircs::Quirc::default();
    let codes = reader.identify(w as usize, h as usize, &grey);
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
