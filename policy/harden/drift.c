#include "policy/harden/drift.h"

#include "policy/harden/harden_parts.h"

/* ---- one look ---- */

/* What answered at all may be judged by what it did not show: a phone that is switched off refuses
 * plain HTTP, too. */
static bool was_reached(const struct harden_facts *facts) {
    return facts->https == HARDEN_PORT_OPEN || facts->plain == HARDEN_PLAIN_ANSWERS ||
           facts->plain == HARDEN_PLAIN_FORBIDDEN || facts->plain == HARDEN_PLAIN_REDIRECT ||
           harden_wui_is_off(facts);
}

/* A factory password is not tried without being told to. */
static bool is_seen_from_outside(const struct harden_finding *finding) {
    enum harden_probe probe = finding->rule == NULL ? HARDEN_PROBE_HTTPS : finding->rule->probe;
    return probe != HARDEN_PROBE_NONE && probe != HARDEN_PROBE_FACTORY;
}

struct tally {
    bool holds, fails, broken, passing, unknown;
};

static void count(struct tally *t, const struct harden_finding *finding) {
    switch (finding->state) {
    case HARDEN_HOLDS:
        t->holds = true;
        return;
    case HARDEN_UNKNOWN:
    case HARDEN_CLOSED:
        t->unknown = true;
        return;
    case HARDEN_FAILS:
        if (finding->rule != NULL && finding->rule->passing)
            t->passing = true;
        else if (is_seen_from_outside(finding))
            t->broken = true;
        else
            t->fails = true;
        return;
    }
}

static enum drift_seen sum_up(const struct tally *t, bool reached) {
    if (t->broken) return DRIFT_SEEN_BROKEN;
    if (t->fails) return DRIFT_SEEN_FAILS;
    if (t->passing) return DRIFT_SEEN_PASSING;
    if (!t->holds || !reached) return DRIFT_SEEN_NOTHING;
    return t->unknown ? DRIFT_SEEN_PARTLY : DRIFT_SEEN_HOLDS;
}

static enum harden_state passing_state(const struct harden_report *report) {
    enum harden_state state = HARDEN_UNKNOWN;
    for (size_t i = 0; i < report->count; i++) {
        const struct harden_finding *finding = &report->findings[i];
        if (finding->rule == NULL || !finding->rule->passing) continue;
        if (finding->state == HARDEN_FAILS) return HARDEN_FAILS;
        if (finding->state == HARDEN_HOLDS) state = HARDEN_HOLDS;
    }
    return state;
}

void drift_look(const struct harden_report *report, const struct harden_facts *facts,
                struct drift_view *view) {
    bool reached = was_reached(facts);
    *view = (struct drift_view){.passing = passing_state(report)};
    for (unsigned step = 1; step < HARDEN_STEPS; step++) {
        struct tally tally = {false};
        for (size_t i = 0; i < report->count; i++) {
            const struct harden_finding *finding = &report->findings[i];
            if (finding->step == step && finding->about != HARDEN_ABOUT_CONFIGURATION)
                count(&tally, finding);
        }
        view->steps[step] = sum_up(&tally, reached);
    }
}

/* ---- one after the other ---- */

bool drift_is_lost(enum drift_step step) {
    return step == DRIFT_LOST || step == DRIFT_LOST_SEEN;
}

static enum drift_step after_partly(enum drift_step step) {
    switch (step) {
    case DRIFT_HELD: /* nothing speaks against it */
    case DRIFT_LOST: /* by what cannot be seen now */
        return step;
    case DRIFT_UNKNOWN:
    case DRIFT_PARTLY:
    case DRIFT_NEVER:
    case DRIFT_LOST_SEEN:
    case DRIFT_FORGOTTEN:
    case DRIFT_STEP_COUNT:
        break;
    }
    return DRIFT_PARTLY;
}

/* `broken`: one sees it from outside. */
static enum drift_step after_failure(enum drift_step step, bool broken) {
    switch (step) {
    case DRIFT_UNKNOWN:
    case DRIFT_NEVER:
        return DRIFT_NEVER;
    case DRIFT_PARTLY: /* its settings were not seen before, and may have been so all the time */
        return broken ? DRIFT_LOST_SEEN : DRIFT_NEVER;
    case DRIFT_LOST_SEEN:
        return broken ? DRIFT_LOST_SEEN : DRIFT_LOST;
    case DRIFT_HELD:
    case DRIFT_LOST:
    case DRIFT_FORGOTTEN:
    case DRIFT_STEP_COUNT:
        break;
    }
    return DRIFT_LOST;
}

static enum drift_step after(enum drift_step step, enum drift_seen seen, bool stays) {
    switch (seen) {
    case DRIFT_SEEN_PARTLY:
        return after_partly(step);
    case DRIFT_SEEN_HOLDS:
        return DRIFT_HELD;
    case DRIFT_SEEN_FAILS:
        return after_failure(step, false);
    case DRIFT_SEEN_BROKEN:
        return after_failure(step, true);
    case DRIFT_SEEN_PASSING:
        return stays ? after_failure(step, false) : step;
    case DRIFT_SEEN_NOTHING:
    case DRIFT_SEEN_COUNT:
        break;
    }
    return step;
}

static void note_passing(struct drift *d, enum harden_state passing, struct drift_news *news) {
    bool stayed = d->passing == DRIFT_PASSING_MAX;
    if (passing == HARDEN_FAILS && !stayed) d->passing++;
    if (passing == HARDEN_HOLDS) d->passing = 0;
    bool stays = d->passing == DRIFT_PASSING_MAX;
    news->stays = stays && !stayed;
    news->stays_no_more = stayed && !stays;
}

void drift_note(struct drift *d, const struct drift_view *view, struct drift_news *news) {
    *news = (struct drift_news){.stays = false};
    note_passing(d, view->passing, news);
    for (unsigned step = 1; step < HARDEN_STEPS; step++) {
        enum drift_step before = d->steps[step];
        enum drift_step now = after(before, view->steps[step], d->passing == DRIFT_PASSING_MAX);
        d->seen[step] = view->steps[step];
        d->steps[step] = now;
        news->lost[step] = drift_is_lost(now) && !drift_is_lost(before);
        news->mended[step] = !drift_is_lost(now) && drift_is_lost(before);
    }
}

void drift_forget(struct drift *d) {
    *d = (struct drift){.passing = 0};
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++) d->steps[step] = DRIFT_FORGOTTEN;
}

bool drift_restricts(const struct drift *d) {
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        if (drift_is_lost(d->steps[step]) || d->steps[step] == DRIFT_FORGOTTEN) return true;
    return false;
}

/* ---- letters ---- */

static const char step_letters[] = "-phfdsx";
static const char seen_letters[] = "?phfba";
_Static_assert(sizeof(step_letters) == DRIFT_STEP_COUNT + 1, "one letter each");
_Static_assert(sizeof(seen_letters) == DRIFT_SEEN_COUNT + 1, "one letter each");

char drift_step_letter(enum drift_step step) {
    return step_letters[step < DRIFT_STEP_COUNT ? step : DRIFT_UNKNOWN];
}

char drift_seen_letter(enum drift_seen seen) {
    return seen_letters[seen < DRIFT_SEEN_COUNT ? seen : DRIFT_SEEN_NOTHING];
}

bool drift_step_from(char letter, enum drift_step *step) {
    for (int i = 0; i < DRIFT_STEP_COUNT; i++) {
        *step = (enum drift_step)i;
        if (step_letters[i] == letter) return true;
    }
    return false;
}

bool drift_seen_from(char letter, enum drift_seen *seen) {
    for (int i = 0; i < DRIFT_SEEN_COUNT; i++) {
        *seen = (enum drift_seen)i;
        if (seen_letters[i] == letter) return true;
    }
    return false;
}
