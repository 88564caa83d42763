#include "proxy/harden/restart.h"

#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/harden/change.h"

enum { PRESSES_MAX = 3, POLL_MS_MAX = 5000 };

const char *const restart_buttons[] = {"CONFIRM_REBOOT", "REBOOT", "reboot", NULL};

struct restart {
    struct timed timed;
    struct grave grave;
    struct worker *worker; /* outlives the way */
    const struct way *way;
    restart_done *done;
    void *user;
    struct fetch *fetch;
    struct arena arena; /* of one page */
    const char *button;
    char target[FORM_TARGET_MAX]; /* the page that was asked for last */
    size_t target_len;
    bool silent;
    bool gone; /* it hung up on us, or was silent since */
    unsigned presses;
    uint64_t since_ms, quiet_ms; /* since it was asked to; since it last answered */
    uint64_t poll_ms;
};

static void bury(struct grave *grave) {
    struct restart *r = container_of(grave, struct restart, grave);
    arena_wipe(&r->arena);
    arena_release(&r->arena);
    r->worker->live--;
    free(r);
}

static void end(struct restart *r) {
    timed_stop(&r->timed);
    worker_bury(r->worker, &r->grave);
}

static void finish(struct restart *r, const char *reason) {
    r->done(r->user, reason);
    end(r);
}

/* ---- until it is back ---- */

static void on_poll(void *user, const struct fetch_answer *answer) {
    struct restart *r = user;
    uint64_t now = worker_now(r->worker);
    r->fetch = NULL;
    bool answered = answer->reason == NULL || answer->status != 0;
    bool rejected = !answered && (strcmp(answer->reason, "phone_credentials_rejected") == 0 ||
                                  strcmp(answer->reason, "phone_pin_mismatch") == 0);
    if (rejected) {
        finish(r, answer->reason);
        return;
    }
    if (answered) r->quiet_ms = now;
    r->gone |= !answered;
    bool back = answered && (r->gone || now - r->since_ms >= RESTART_GO_MS);
    bool over = now - r->since_ms > RESTART_MS_MAX;
    if (!r->silent && back)
        finish(r, NULL);
    else if (r->silent && now - r->quiet_ms >= RESTART_SILENT_MS)
        finish(r, NULL);
    else if (over)
        finish(r, r->silent ? "still_answers" : "restart_too_long");
    else
        r->timed.deadline_ms = now + r->poll_ms;
}

static void on_time(struct timed *timed) {
    struct restart *r = container_of(timed, struct restart, timed);
    r->timed.deadline_ms = 0;
    if (r->poll_ms < POLL_MS_MAX && !r->silent && r->gone) r->poll_ms += r->poll_ms / 2;
    r->fetch = way_get(r->way, STR("/"), on_poll, r);
}

static void wait_for_it(struct restart *r) {
    r->since_ms = r->quiet_ms = worker_now(r->worker);
    r->poll_ms = RESTART_POLL_MS;
    r->timed.deadline_ms = r->since_ms + r->poll_ms;
}

/* ---- until it goes ---- */

static void on_pressed(void *user, const struct fetch_answer *answer);

/* The button to press on this page: the one we came for, or the one of a question. */
static const struct form_field *find_button(struct restart *r, struct str page, struct form *form) {
    for (size_t i = 0; restart_buttons[i] != NULL; i++) {
        struct str name = str_of(restart_buttons[i]);
        if (r->presses == 0 && strcmp(restart_buttons[i], r->button) != 0) continue;
        arena_wipe(&r->arena);
        arena_reset(&r->arena);
        if (form_find_button(page, name, &r->arena, form) != FORM_OK) continue;
        for (size_t k = 0; k < form->count; k++) {
            const struct form_field *field = &form->fields[k];
            if (field->kind == FORM_SUBMIT && str_equal(field->name, name)) return field;
        }
    }
    return NULL;
}

static const char *press(struct restart *r, struct str page) {
    struct form form;
    char text[FORM_TARGET_MAX];
    struct outbuf target;
    size_t len;
    const struct form_field *button = find_button(r, page, &form);
    outbuf_init(&target, text, sizeof(text));
    if (button == NULL) return "restart_not_found";
    if (r->presses == PRESSES_MAX) return "restart_refused"; /* it asks, and asks again */
    if (!change_target(&form, (struct str){r->target, r->target_len}, &target))
        return "form_unsupported";
    char *body = change_body(&form, button, &len);
    if (body == NULL) return "form_too_big";
    memcpy(r->target, target.ptr, target.len);
    r->target_len = target.len;
    r->presses++;
    r->fetch = way_post(r->way, outbuf_str(&target), (struct str){body, len}, on_pressed, r);
    bytes_wipe(body, len);
    free(body);
    return NULL;
}

static void on_pressed(void *user, const struct fetch_answer *answer) {
    struct restart *r = user;
    const char *reason = answer->reason;
    r->fetch = NULL;
    /* Gone without a word, or it says that it goes. */
    bool asks = reason == NULL && answer->status == 200;
    bool goes = answer->answered_nothing || (reason == NULL && answer->status / 100 == 3);
    if (asks) {
        reason = press(r, answer->body);
        if (reason == NULL) return;
        /* No question: it said yes. */
        goes = strcmp(reason, "restart_not_found") == 0 &&
               (r->presses > 1 || r->button != restart_buttons[0]);
    }
    r->gone = answer->answered_nothing;
    if (goes)
        wait_for_it(r);
    else
        finish(r, reason != NULL ? reason : "restart_refused");
}

static void on_page(void *user, const struct fetch_answer *answer) {
    struct restart *r = user;
    r->fetch = NULL;
    const char *reason = way_trouble(answer);
    if (reason == NULL) reason = press(r, answer->body);
    if (reason != NULL) finish(r, reason);
}

struct restart *restart_start(const struct way *way, const struct restart_request *request,
                              restart_done *done, void *user) {
    struct restart *r = calloc(1, sizeof(*r));
    ENSURE(r != NULL && request->target.len <= sizeof(r->target));
    r->grave.bury = bury;
    r->way = way;
    r->worker = way->worker;
    r->done = done;
    r->user = user;
    r->button = request->button;
    r->silent = request->silent;
    memcpy(r->target, request->target.ptr, request->target.len);
    r->target_len = request->target.len;
    arena_init(&r->arena, FORM_ARENA);
    way->worker->live++;
    timed_start(way->worker, &r->timed, on_time);
    r->fetch = way_get(way, request->target, on_page, r);
    return r;
}

void restart_cancel(struct restart *r) {
    if (r->fetch != NULL) fetch_cancel(r->fetch);
    end(r);
}
