/* What is wanted of a phone. */
#include <string.h>

#include "proxy/harden/apply_parts.h"

static const struct str http_pass = {"http_pass", 9};
static const struct str service_password = {"service_mode_password", 21};

/* What makes a phone one that nothing is sent to. */
static const char *trouble_of(const struct probe_result *probe) {
    const struct harden_facts *facts = &probe->facts;
    if (facts->certificate == HARDEN_CERTIFICATE_CHANGED) return "certificate_changed";
    if (facts->wrong_model) return "wrong_model";
    if (facts->locked_out) return "locked_out";
    if (facts->challenge == HARDEN_CHALLENGE_BASIC) return "basic_only";
    if (facts->challenge == HARDEN_CHALLENGE_OTHER) return "login_unknown";
    if (facts->challenge == HARDEN_CHALLENGE_UNKNOWN)
        return probe->trouble != NULL ? probe->trouble : "not_probed";
    if (facts->certificate != HARDEN_CERTIFICATE_TRUSTED) return "not_pinned";
    return NULL;
}

static bool is_off(const struct apply *a, const struct harden_facts *facts) {
    return !a->phone->wui && facts->plain == HARDEN_PLAIN_REFUSED &&
           facts->https == HARDEN_PORT_CLOSED;
}

const char *apply_judge(struct apply *a, const struct probe_result *probe,
                        struct harden_report *report) {
    const struct profile *profile = a->phone->policy->profile;
    struct harden_facts facts = probe->facts;
    bool off = is_off(a, &facts);
    /* The web interface is switched off by an action of its own, not along with the rest. */
    if (!off && a->request.mode == APPLY_HARDEN) facts.wui_off_wanted = false;
    if (!harden_judge(profile->harden, profile->harden_count, &facts, &a->arena, report))
        return "phone_says_too_much";
    return off ? NULL : trouble_of(probe);
}

/* A phone that shows the model's key may be another one of its model, put in this one's place: it
 * would be given this one's passwords. */
static bool is_this_phone(const struct apply *a, const struct probe_result *probe) {
    const struct profile *profile = a->phone->policy->profile;
    const struct about_key key = {
        .shared_models = profile->shared_key_models,
        .shared_model_count = profile->shared_key_model_count,
        .model = a->phone->model,
        .mac = a->phone->mac,
        .seen_model = probe->facts.model,
        .seen_mac = probe->mac,
    };
    return a->phone->verify != PHONE_VERIFY_PIN || about_is_this_phone(&key);
}

/* ---- wants ---- */

static void want(struct apply *a, struct str setting, struct str value) {
    if (a->want_count < APPLY_WANTS_MAX)
        a->wants[a->want_count++] = (struct plan_want){setting, value};
}

/* A candidate that is left over may be the phone's, in force and perhaps not saved, and nobody can
 * ask it: it is sent (again), saved, and only then the value in force is forgotten. */
static bool is_left_over(const struct apply *a, struct str setting) {
    return secrets_has(&a->secrets, setting, VAULT_CANDIDATE);
}

static void want_left_over(struct apply *a) {
    for (size_t i = 0; secrets_settings[i] != NULL; i++)
        if (is_left_over(a, str_of(secrets_settings[i])))
            want(a, str_of(secrets_settings[i]), STR_NONE);
}

static bool service_is_missing(const struct apply *a) {
    return a->phone->admin_login.user.len > 0 && a->service.user.len == 0;
}

/* Whoever found the phone open may have set any password: all are set anew. */
static void want_secrets(struct apply *a) {
    for (size_t i = 0; secrets_settings[i] != NULL; i++) {
        struct str setting = str_of(secrets_settings[i]);
        bool of_service = strncmp(secrets_settings[i], "service", 7) == 0;
        bool anew = of_service ? service_is_missing(a) : a->open;
        if (is_left_over(a, setting) || anew) want(a, setting, STR_NONE);
    }
}

static void want_new_secrets(struct apply *a) {
    const struct str passwords[] = {http_pass, service_password, STR("admin_mode_password"),
                                    STR("keyboard_lock_pw")};
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        bool pin = i == ARRAY_LEN(passwords) - 1;
        bool wanted = !pin || a->request.pins || is_left_over(a, passwords[i]);
        if (secrets_is_in_vault(&a->secrets, passwords[i]) && wanted)
            want(a, passwords[i], STR_NONE);
    }
}

static const char *make_wants(struct apply *a) {
    a->want_count = 0;
    switch (a->request.mode) {
    case APPLY_PLAN:
    case APPLY_HARDEN:
        want_secrets(a);
        return NULL;
    case APPLY_ROTATE:
        if (a->open) return "asks_for_no_login";
        want_new_secrets(a);
        return a->want_count > 0 ? NULL : "not_in_the_vault";
    case APPLY_RECOVER:
        want_left_over(a);
        return NULL;
    case APPLY_WUI_OFF:
        if (a->phone->wui) return "wui_is_wanted";
        if (a->before.steps[3] != HARDEN_HOLDS) want(a, STR("webserver_type"), STR("off"));
        return NULL;
    }
    return NULL;
}

const char *apply_make_plan(struct apply *a, const struct probe_result *probe) {
    const struct profile *profile = a->phone->policy->profile;
    struct harden_facts facts = probe->facts;
    a->off = is_off(a, &facts);
    if (a->off) return NULL; /* nothing to do, and no way to do it */
    if (!is_this_phone(a, probe)) return "key_is_shared";
    if (a->request.mode == APPLY_HARDEN) facts.wui_off_wanted = false;
    const char *reason = make_wants(a);
    if (reason != NULL) return reason;
    struct plan_options options = {.wants = a->wants,
                                   .want_count = a->want_count,
                                   .only_wants = a->request.mode != APPLY_PLAN &&
                                                 a->request.mode != APPLY_HARDEN,
                                   .beyond = a->request.beyond};
    const struct plan_source source = {&a->before, profile->harden, profile->harden_count, &facts};
    bool made = plan_make(&source, &options, &a->arena, &a->plan);
    return made ? NULL : "plan_too_long";
}
