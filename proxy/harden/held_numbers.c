#include <string.h>

#include "proxy/harden/held_parts.h"

const char *held_state_name(enum held_state_count state) {
    static const char *const names[] = {"holds", "partly", "fails", "lost", "unknown"};
    return names[state < HELD_STATES ? state : HELD_UNKNOWN];
}

static enum held_state_count state_of(enum drift_step step) {
    switch (step) {
    case DRIFT_HELD:
        return HELD_HOLDS;
    case DRIFT_PARTLY:
        return HELD_PARTLY;
    case DRIFT_NEVER:
        return HELD_FAILS;
    case DRIFT_LOST:
    case DRIFT_LOST_SEEN:
        return HELD_LOST;
    case DRIFT_UNKNOWN:
    case DRIFT_FORGOTTEN:
    case DRIFT_STEP_COUNT:
        break;
    }
    return HELD_UNKNOWN;
}

/* A step of the guide: what is beyond it has a number of its own. */
static bool has_drifted(const struct held_memory *m) {
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        if (drift_is_lost(m->drift.steps[step])) return true;
    return false;
}

static bool holds_all(const struct held_memory *m) {
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        if (m->drift.steps[step] != DRIFT_HELD) return false;
    return true;
}

static void count(const struct held_memory *m, struct held_numbers *n) {
    n->phones++;
    if (holds_all(m)) n->hardened++;
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        n->steps[step][state_of(m->drift.steps[step])]++;
    if (has_drifted(m)) n->drifted++;
    if (m->restricted) n->restricted++;
    if (m->drift.passing == DRIFT_PASSING_MAX) n->stay_in_admin_mode++;
    if (m->trouble[0] != '\0') n->incomplete++;
}

void held_numbers(struct held *h, struct held_numbers *numbers) {
    pthread_mutex_lock(&h->lock);
    *numbers = (struct held_numbers){
        .on = h->on,
        .answered = h->answered,
        .unanswered = h->unanswered,
        .cancelled = h->cancelled,
    };
    memcpy(numbers->lost, h->lost, sizeof(h->lost));
    memcpy(numbers->mended, h->mended, sizeof(h->mended));
    for (size_t i = 0; i < h->count; i++)
        if (h->phones[i]->listed) count(&h->phones[i]->memory, numbers);
    pthread_mutex_unlock(&h->lock);
}

/* ---- phonegate status ---- */

static void put_number(struct outbuf *out, struct str name, uint64_t value) {
    outbuf_put(out, name);
    outbuf_char(out, ' ');
    outbuf_u64(out, value);
    outbuf_char(out, '\n');
}

/* "drifted 101 steps 1 3" */
static void put_drifted(struct outbuf *out, const struct held_memory *m) {
    outbuf_put(out, STR("drifted "));
    outbuf_put(out, str_of(m->id));
    outbuf_put(out, STR(" steps"));
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++) {
        if (!drift_is_lost(m->drift.steps[step])) continue;
        outbuf_char(out, ' ');
        outbuf_put(out, str_of(harden_step_str(step)));
    }
    outbuf_char(out, '\n');
}

static void put_names(struct held *h, struct outbuf *out) {
    size_t named = 0;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->count && named < HELD_NAMED; i++) {
        const struct held_phone *p = h->phones[i];
        if (!p->listed || !has_drifted(&p->memory)) continue;
        put_drifted(out, &p->memory);
        named++;
    }
    pthread_mutex_unlock(&h->lock);
}

/* How many phones hold all four steps is what a manager asks. */
void held_put_status(struct held *h, struct outbuf *out) {
    struct held_numbers n;
    held_numbers(h, &n);
    if (!n.on) {
        outbuf_put(out, STR("hardening not checked\n"));
        return;
    }
    put_number(out, STR("phones_hardened"), n.hardened);
    put_number(out, STR("phones_drifted"), n.drifted);
    put_number(out, STR("phones_restricted"), n.restricted);
    put_number(out, STR("phones_in_admin_mode"), n.stay_in_admin_mode);
    put_number(out, STR("phones_not_seen_whole"), n.incomplete);
    put_names(h, out);
}
