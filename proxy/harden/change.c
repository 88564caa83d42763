#include "proxy/harden/change.h"

#include <string.h>

#include "policy/base/bytes.h"

enum { BODY_MAX = 65536 };

struct change {
    const struct way *way;
    struct change_request request;
    change_done *done;
    void *user;
    struct fetch *fetch;
    struct arena arena; /* of one page */
    char target[FORM_TARGET_MAX];
    struct change_result result;
};

static void free_change(struct change *c) {
    arena_wipe(&c->arena);
    arena_release(&c->arena);
    free(c);
}

static void finish(struct change *c, const char *reason) {
    c->result.reason = reason;
    c->done(c->user, &c->result);
    free_change(c);
}

/* ---- forms ---- */

char *change_body(const struct form *form, const struct form_field *button, size_t *len) {
    char *memory = malloc(BODY_MAX);
    struct outbuf out;
    ENSURE(memory != NULL);
    outbuf_init(&out, memory, BODY_MAX);
    form_write(form, button, &out);
    *len = out.len;
    if (!out.full) return memory;
    bytes_wipe(memory, BODY_MAX);
    free(memory);
    return NULL;
}

bool change_target(const struct form *form, struct str base, struct outbuf *out) {
    return form->post && form_target(base, form->action.len > 0 ? form->action : base, out) &&
           !out->full;
}

static const char *send_form(struct change *c, const struct form *form,
                             const struct form_field *button, fetch_done *answered) {
    char text[FORM_TARGET_MAX];
    struct outbuf target;
    size_t len;
    outbuf_init(&target, text, sizeof(text));
    if (!change_target(form, c->request.target, &target)) return "form_unsupported";
    char *body = change_body(form, button, &len);
    if (body == NULL) return "form_too_big";
    c->result.sent = true;
    c->fetch = way_post(c->way, outbuf_str(&target), (struct str){body, len}, answered, c);
    bytes_wipe(body, len);
    free(body);
    return NULL;
}

/* ---- after it was sent ---- */

static bool is_taken(const struct fetch_answer *answer) {
    return answer->reason == NULL &&
           (answer->status == 200 || answer->status == 302 || answer->status == 303);
}

static const char *refusal(const struct fetch_answer *answer) {
    if (answer->reason != NULL) return answer->reason;
    return is_taken(answer) ? NULL : "change_refused";
}

static void on_sent(void *user, const struct fetch_answer *answer) {
    struct change *c = user;
    c->fetch = NULL;
    finish(c, refusal(answer));
}

/* A form with a button "Save" of its own leaves nothing unsaved. */
static bool saves_itself(struct change *c, struct str page) {
    struct form form;
    return c->request.count > 0 &&
           form_find(page, c->request.pairs[0].setting, &c->arena, &form) == FORM_OK &&
           form_button(&form, STR("Save")) != NULL;
}

/* Some phones take a form first and save it by a second button, which then is on their pages. */
static const char *save_now(struct change *c, struct str page) {
    static const char *const names[] = {"save", "Save", "SAVE", "Settings", "settings"};
    if (c->request.kind == CHANGE_LOOK && saves_itself(c, page)) return "save_not_found";
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct form form;
        arena_wipe(&c->arena);
        arena_reset(&c->arena);
        if (form_find_button(page, str_of(names[i]), &c->arena, &form) != FORM_OK) continue;
        const struct form_field *button = form_button(&form, STR("Save"));
        if (button == NULL) continue;
        return c->request.kind == CHANGE_LOOK ? NULL : send_form(c, &form, button, on_sent);
    }
    return "save_not_found";
}

/* ---- before ---- */

static const struct form_field *only_button(const struct form *form) {
    const struct form_field *found = NULL;
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].kind != FORM_SUBMIT) continue;
        if (found != NULL) return NULL;
        found = &form->fields[i];
    }
    return found;
}

static const char *press(struct change *c, const struct form *form) {
    const struct form_field *button = form_button(form, STR("Save"));
    c->result.unsaved = button == NULL;
    if (button == NULL) button = form_button(form, STR("Apply"));
    if (button == NULL) button = only_button(form);
    if (button == NULL) return "save_not_found";
    return send_form(c, form, button, on_sent);
}

static bool has_field(const struct form *form, struct str name) {
    for (size_t i = 0; i < form->count; i++)
        if (str_equal(form->fields[i].name, name)) return true;
    return false;
}

static const char *fill_in(struct change *c, struct form *form) {
    for (size_t i = 0; i < c->request.count; i++) {
        const struct change_pair *pair = &c->request.pairs[i];
        c->result.setting = pair->setting;
        if (!has_field(form, pair->setting)) return form_verdict_str(FORM_NOT_FOUND);
        if (!form_set(form, pair->setting, pair->value)) return "setting_cannot_be_set";
    }
    c->result.setting = STR_NONE;
    return NULL;
}

static bool is_password(const struct form *form, struct str name) {
    for (size_t i = 0; i < form->count; i++)
        if (form->fields[i].password && str_equal(form->fields[i].name, name)) return true;
    return false;
}

static const char *compare(struct change *c, const struct form *form) {
    for (size_t i = 0; i < c->request.count; i++) {
        const struct change_pair *pair = &c->request.pairs[i];
        if (is_password(form, pair->setting)) continue;
        c->result.setting = pair->setting;
        if (!str_equal(form_value(form, pair->setting), pair->value)) return "change_not_taken";
    }
    c->result.setting = STR_NONE;
    return NULL;
}

static const char *use_form(struct change *c, struct str page) {
    struct form form;
    enum form_verdict verdict = form_find(page, c->request.pairs[0].setting, &c->arena, &form);
    if (verdict != FORM_OK) return form_verdict_str(verdict);
    if (c->request.kind == CHANGE_CHECK) return compare(c, &form);
    const char *reason = fill_in(c, &form);
    return reason != NULL ? reason : press(c, &form);
}

static bool is_about_save(const struct change *c) {
    return c->request.kind == CHANGE_SAVE || c->request.kind == CHANGE_LOOK;
}

static void on_page(void *user, const struct fetch_answer *answer) {
    struct change *c = user;
    c->fetch = NULL;
    const char *reason = way_trouble(answer);
    if (reason == NULL)
        reason = is_about_save(c) ? save_now(c, answer->body) : use_form(c, answer->body);
    if (reason != NULL || c->fetch == NULL) finish(c, reason); /* nothing was sent */
}

struct change *change_start(const struct way *way, const struct change_request *request,
                            change_done *done, void *user) {
    struct change *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL && request->target.len <= sizeof(c->target));
    c->way = way;
    c->request = *request;
    ENSURE(request->count > 0 || is_about_save(c));
    memcpy(c->target, request->target.ptr, request->target.len);
    c->request.target = (struct str){c->target, request->target.len};
    c->done = done;
    c->user = user;
    arena_init(&c->arena, FORM_ARENA);
    c->fetch = way_get(way, c->request.target, on_page, c);
    return c;
}

void change_cancel(struct change *c) {
    if (c->fetch != NULL) fetch_cancel(c->fetch);
    free_change(c);
}
