#include "proxy/harden/held_plan.h"

uint64_t held_plan_soon(uint64_t now_ms, uint64_t every_ms, uint64_t phase) {
    uint64_t round = every_ms < HELD_FIRST_ROUND_MS ? every_ms : HELD_FIRST_ROUND_MS;
    uint64_t wait = round / 10;
    return now_ms + wait + phase % (round - wait + 1);
}

uint64_t held_plan_next(uint64_t last_ms, uint64_t every_ms, uint64_t phase) {
    uint64_t from = last_ms + every_ms / 2;
    uint64_t place = phase % every_ms, at = from % every_ms;
    return from + (place >= at ? place - at : every_ms - at + place);
}

uint64_t held_plan_confirm(uint64_t now_ms, uint64_t every_ms) {
    return now_ms + (every_ms / 4 < HELD_CONFIRM_MS ? every_ms / 4 : HELD_CONFIRM_MS);
}

uint64_t held_plan_resume(uint64_t now_ms, uint64_t age_ms, uint64_t every_ms, uint64_t phase) {
    if (age_ms > now_ms || age_ms >= every_ms + every_ms / 2)
        return held_plan_soon(now_ms, every_ms, phase);
    uint64_t due = held_plan_next(now_ms - age_ms, every_ms, phase);
    return due > now_ms ? due : held_plan_soon(now_ms, every_ms, phase);
}
