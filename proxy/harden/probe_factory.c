/* Is the administrators' password still the factory's? Asked for explicitly, tried once, before
 * anything else that logs in: a service account would open administrator mode by itself. */
#include "policy/base/bytes.h"
#include "policy/harden/form.h"
#include "proxy/harden/probe_parts.h"

/* The factory password that the profile's rules name; empty: none. */
static struct str factory_password(const struct profile *profile) {
    for (size_t i = 0; i < profile->harden_count; i++) {
        const struct harden_rule *rule = &profile->harden[i];
        if (rule->probe == HARDEN_PROBE_FACTORY && rule->factory_count > 0) return rule->factory[0];
    }
    return STR_NONE;
}

/* Does the page ask for the password? OK: it does; NOT_FOUND: it does not; else nobody knows. */
static enum form_verdict asks(struct probe *p, struct str page, struct form *form) {
    return form_find(page, p->cfg->policy->profile->admin_field, &p->arena, form);
}

static void go_on(struct probe *p) {
    arena_wipe(&p->arena);
    arena_reset(&p->arena);
    probe_settings(p);
}

/* False: there is no answer, and so the probe has ended. */
static bool answered(struct probe *p, const struct fetch_answer *a) {
    p->fetch = NULL;
    if (a->reason == NULL) return true;
    probe_failed(p, a->reason);
    probe_finish(p);
    return false;
}

static void on_second_page(void *user, const struct fetch_answer *a) {
    struct probe *p = user;
    struct form form;
    if (!answered(p, a)) return;
    enum form_verdict verdict = a->status == 200 ? asks(p, a->body, &form) : FORM_MALFORMED;
    if (verdict == FORM_OK) p->result.facts.factory_password = HARDEN_FACTORY_REFUSED;
    if (verdict == FORM_NOT_FOUND) p->result.facts.factory_password = HARDEN_FACTORY_TAKEN;
    go_on(p);
}

static void on_sent(void *user, const struct fetch_answer *a) {
    struct probe *p = user;
    if (!answered(p, a)) return;
    /* What the answer looks like is no matter: does the page still ask? */
    if (a->status < 400)
        probe_fetch(p, p->cfg->policy->profile->admin_page, STR_NONE, ACCOUNT_LOGIN,
                    on_second_page);
    else
        go_on(p);
}

static bool send_password(struct probe *p, struct form *form) {
    const struct profile *profile = p->cfg->policy->profile;
    char body[4096], path[FORM_TARGET_MAX];
    struct outbuf out, target;
    outbuf_init(&out, body, sizeof(body));
    outbuf_init(&target, path, sizeof(path));
    struct str action = form->action.len > 0 ? form->action : profile->admin_page;
    if (!form_set(form, profile->admin_field, factory_password(profile))) return false;
    if (!form_target(profile->admin_page, action, &target)) return false;
    form_write(form, NULL, &out);
    if (out.full || target.full) return false;
    probe_fetch(p, outbuf_str(&target), outbuf_str(&out), ACCOUNT_LOGIN, on_sent);
    bytes_wipe(body, sizeof(body));
    return true;
}

static void on_page(void *user, const struct fetch_answer *a) {
    struct probe *p = user;
    struct form form;
    if (!answered(p, a)) return;
    bool asked = a->status == 200 && asks(p, a->body, &form) == FORM_OK && form.post;
    if (!asked || !send_password(p, &form)) go_on(p);
}

bool probe_factory(struct probe *p) {
    const struct profile *profile = p->cfg->policy->profile;
    bool known = profile->admin_page.len > 0 && factory_password(profile).len > 0;
    if (!p->options.try_factory || !known || p->cfg->login.user.len == 0) return false;
    probe_fetch(p, profile->admin_page, STR_NONE, ACCOUNT_LOGIN, on_page);
    return true;
}
