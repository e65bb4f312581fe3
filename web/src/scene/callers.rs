//! The nodes of a system of calls: users who ask, and services that work.

use mqlab_core::sim::picture::{ServiceView, UserView};

use super::cards::{LITTLE, PLAIN, card, chip_bar, is_chip};
use super::shape::{Rect, Scene, at, solid};
use super::{View, glyph};
use crate::text::callers as words;
use crate::text::stage;

/// Those who work when they are called, or when a message comes.
pub(super) fn services(scene: &mut Scene, view: &View<'_>) {
    for service in &view.picture.services {
        let Some(area) = view.layout.card(service.node) else { continue };
        card(scene, view, service.node, area, service.up, &service.name);
        service_inside(scene, view, service, area);
    }
}

fn service_inside(scene: &mut Scene, view: &View<'_>, service: &ServiceView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    if is_chip(area) {
        let share = service.working.len() as f64 / f64::from(service.workers.max(1));
        return chip_bar(scene, area, share, theme.blue);
    }
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let second = at(x, area.y + 35.0);
    if !service.up {
        scene.text_within(second, stage::DOWN.get(lang), PLAIN, theme.vermilion, room);
        return;
    }
    let color = if service.waiting.is_empty() { theme.ink_2 } else { theme.vermilion };
    scene.text_within(second, &words::busy(service, lang), PLAIN, color, room);
    if area.h >= 66.0 {
        scene.text_within(
            at(x, area.y + 50.0),
            &words::worked(service, lang),
            LITTLE,
            theme.ink_3,
            area.w - 18.0,
        );
    }
    let share = service.working.len() as f64 / f64::from(service.workers.max(1));
    glyph::bar(scene, Rect::new(x, area.bottom() - 10.0, room, 4.0), share, theme.blue, theme);
}

/// Those who call.
pub(super) fn users(scene: &mut Scene, view: &View<'_>) {
    for user in &view.picture.users {
        let Some(area) = view.layout.card(user.node) else { continue };
        card(scene, view, user.node, area, true, &user.name);
        user_inside(scene, view, user, area);
    }
}

fn user_inside(scene: &mut Scene, view: &View<'_>, user: &UserView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    if is_chip(area) {
        return chip_bar(scene, area, user.done as f64 / user.planned.max(1) as f64, theme.green);
    }
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let color = if user.errors == 0 { theme.ink_3 } else { theme.vermilion };
    if area.h >= 66.0 {
        scene.text_within(at(x, area.y + 35.0), &words::waiting(user, lang), PLAIN, theme.ink_2, room);
        scene.text_within(at(x, area.y + 50.0), &words::answered(user, lang), LITTLE, color, area.w - 17.0);
    } else {
        scene.text_within(at(x, area.y + 35.0), &words::answered(user, lang), LITTLE, color, area.w - 17.0);
    }
    let planned = user.planned.max(1) as f64;
    let bar = Rect::new(x, area.bottom() - 11.0, room, 4.0);
    glyph::bar(scene, bar, user.asked as f64 / planned, theme.hues[5].0, theme);
    let good = room * ((user.done + user.accepted) as f64 / planned).min(1.0);
    if good >= 4.0 {
        scene.boxed(Rect::new(x, bar.y, good, 4.0), 2.0, Some(solid(theme.green)), None);
    }
}
