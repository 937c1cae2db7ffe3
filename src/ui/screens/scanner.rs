//! The camera picture with the frame a code is held into.

use leptos::html;
use leptos::prelude::*;

use super::super::scan;
use crate::i18n::K;
use crate::i18n::t;
use crate::platform;

/// Looks through the camera until somebody's code is found or the scanner goes away.
#[component]
pub fn Scanner(#[prop(into)] on_text: Callback<String, bool>) -> AnyView {
    let video = NodeRef::<html::Video>::new();
    let note = RwSignal::new(K::ScanStarting);
    let camera = StoredValue::new_local(None::<scan::Camera>);
    let gone = StoredValue::new(false);
    video.on_load(move |video| {
        platform::spawn(async move {
            let Ok(started) = scan::Camera::start().await else {
                let _ = note.try_set(K::ScanDenied);
                return;
            };
            // The scanner may have been closed while the browser asked.
            if gone.try_get_value() != Some(false) {
                started.stop();
                return;
            }
            let _ = camera.try_set_value(Some(started.clone()));
            started.show(&video).await;
            let _ = note.try_set(K::ScanLead);
            while gone.try_get_value() == Some(false) {
                if let Some(text) = scan::read_video(&video) {
                    if on_text.run(text) {
                        break;
                    }
                    let _ = note.try_set(K::ScanOther);
                }
                gloo_timers::future::TimeoutFuture::new(200).await;
            }
        });
    });
    on_cleanup(move || {
        let _ = gone.try_set_value(true);
        if let Some(Some(camera)) = camera.try_get_value() {
            camera.stop();
        }
    });
    view! {
        <div class="scanner">
            <video node_ref=video class="scanner-picture" muted="" playsinline=""></video>
            {move || (note.get() != K::ScanDenied).then(|| view! { <div class="scanner-frame"></div> })}
            <p class="scanner-note" role="status">{move || t(note.get())}</p>
        </div>
    }
    .into_any()
}
