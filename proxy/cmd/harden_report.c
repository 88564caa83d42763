#include "proxy/cmd/harden_report.h"

#include <string.h>

#include "proxy/cmd/cmd.h"

const char *harden_report_words(const char *reason) {
    static const char *const words[][2] = {
        {"not_pinned", "its certificate is not known: see phonegate pin add"},
        {"key_is_shared",
         "its model shares one key, or is not known: say its mac, which its page must show"},
        {"certificate_changed", "it shows another certificate than before"},
        {"phone_pin_mismatch", "it shows another certificate than before"},
        {"wrong_model", "it says that it is another model"},
        {"basic_only", "it asks for Basic: no password is sent to it"},
        {"locked_out", "it is locked, or refuses its first page: wait some minutes"},
        {"credentials_rejected", "it takes none of the passwords that are known here"},
        {"login_unknown", "it asks for a login that this program does not speak"},
        {"no_password_known", "it asks for a password, and none is known here"},
        {"no_login_configured", "its entry in the configuration has no login"},
        {"no_vault", "there is no vault to keep a new password in"},
        {"vault_damaged", "its record in the vault cannot be read: see phonegate secret list"},
        {"not_in_the_vault", "its passwords are not kept in the vault"},
        {"vault_not_written", "the vault could not be written"},
        {"record_not_written", "the access log could not be written"},
        {"form_not_found", "no page of it has this setting"},
        {"form_split", "what goes together is on two pages"},
        {"setting_cannot_be_set", "its page does not let this setting be changed: provision it"},
        {"service_account_needed", "it is in user mode: without the service account, provision it"},
        {"new_password_not_taken", "it does not take the new password; both are in the vault"},
        {"save_not_found", "its pages have no button that saves what was applied"},
        {"change_not_taken", "its page shows another value than it was sent"},
        {"restart_not_found", "no page of it has a button to restart it"},
        {"forgotten_at_restart", "its restart undid what was saved: it is open again"},
        {"restart_too_long", "it did not come back after its restart"},
        {"asks_for_no_login", "it asks for no login: see harden --apply"},
        {"wui_is_wanted", "its entry in the configuration does not say wui = false"},
        {"phone_refused", "nobody answers there"},
        {"phone_connect_timeout", "nobody answers there"},
        {"phone_busy", "it says that it is busy: wait some minutes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i][0], reason) == 0) return words[i][1];
    return reason;
}

bool harden_report_is_good(enum apply_mode mode, const struct apply_result *result) {
    if (result->reason != NULL) return false;
    if (mode == APPLY_PLAN) return result->plan != NULL && result->plan->count == 0;
    if (mode == APPLY_ROTATE || mode == APPLY_RECOVER) return true;
    if (result->after == NULL) return false;
    if (mode == APPLY_WUI_OFF) return result->after->steps[3] == HARDEN_HOLDS;
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        if (result->after->steps[step] != HARDEN_HOLDS) return false;
    return true;
}

static const char *outcome_of(enum apply_mode mode, const struct apply_result *result) {
    if (result->reason != NULL) return "stopped";
    bool good = harden_report_is_good(mode, result);
    if (mode == APPLY_PLAN) return good ? "nothing to change" : "to be changed";
    return good ? "done" : "not all steps hold";
}

/* ---- text ---- */

static void put_steps(FILE *to, const char *when, const struct harden_report *report) {
    if (report == NULL) return;
    fprintf(to, "  %s:", when);
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        fprintf(to, "%s step %u %s", step > 1 ? "," : "", step,
                harden_state_str(report->steps[step]));
    fputc('\n', to);
}

static void put_change(FILE *to, const struct plan_change *change) {
    cmd_print(to, change->setting);
    fputs(": ", to);
    cmd_print(to, change->seen);
    fputs(" -> ", to);
    if (change->own)
        fputs(change->secret ? "a password of its own" : "as configured", to);
    else if (change->value.len == 0)
        fputs("empty", to);
    else
        cmd_print(to, change->value);
    fputc('\n', to);
}

static void put_open_findings(FILE *to, const struct harden_report *report) {
    for (size_t i = 0; report != NULL && i < report->count; i++) {
        const struct harden_finding *f = &report->findings[i];
        if (f->step == HARDEN_BEYOND || f->state == HARDEN_HOLDS) continue;
        fprintf(to, "  step %u %s: ", f->step, harden_state_str(f->state));
        cmd_print(to, f->name);
        fputs(": ", to);
        cmd_print(to, f->seen);
        fputc('\n', to);
    }
}

void harden_report_text(FILE *to, const struct config_phone *phone, enum apply_mode mode,
                        const struct apply_result *result) {
    cmd_print(to, phone->policy->id);
    fprintf(to, ": %s", outcome_of(mode, result));
    if (result->reason != NULL) {
        fprintf(to, ": %s", result->reason);
        if (result->about.len > 0) fputs(" ", to);
        cmd_print(to, result->about);
        const char *words = harden_report_words(result->reason);
        if (words != result->reason) fprintf(to, " (%s)", words);
    }
    fputc('\n', to);
    put_steps(to, "before", result->before);
    for (size_t i = 0; result->plan != NULL && i < result->plan->count; i++) {
        bool plan = mode == APPLY_PLAN;
        fputs(plan ? "  would change " : result->changed[i] ? "  changed " : "  left ", to);
        put_change(to, &result->plan->changes[i]);
    }
    for (size_t i = 0; result->plan != NULL && i < result->plan->by_hand_count; i++) {
        fputs("  by hand: ", to);
        cmd_print(to, result->plan->by_hand[i].mend);
        fputc('\n', to);
    }
    if (result->saved) fputs("  saved what had only been applied\n", to);
    if (result->restarted) fputs("  restarted\n", to);
    put_steps(to, "after", result->after);
    put_open_findings(to, result->after);
}

/* ---- JSON ---- */

static json_t *text_of(struct str s) {
    json_t *text = json_stringn(s.len > 0 ? s.ptr : "", s.len);
    return text != NULL ? text : json_string("(not UTF-8)");
}

static json_t *steps_of(const struct harden_report *report) {
    if (report == NULL) return json_null();
    json_t *steps = json_object();
    for (unsigned step = 1; step <= HARDEN_BEYOND; step++)
        ENSURE(json_object_set_new(steps, harden_step_str(step),
                                   json_string(harden_state_str(report->steps[step]))) == 0);
    return steps;
}

static json_t *change_of(const struct plan_change *change, bool changed) {
    json_t *to = change->own ? json_null() : text_of(change->value);
    json_t *one =
        json_pack("{s:o,s:s,s:s,s:o,s:s,s:o,s:b,s:b}", "setting", text_of(change->setting), "step",
                  harden_step_str(change->step), "stage", plan_stage_str(change->stage), "seen",
                  text_of(change->seen), "state", harden_state_str(change->state), "to", to,
                  "secret", (int)change->secret, "changed", (int)changed);
    ENSURE(one != NULL);
    return one;
}

json_t *harden_report_json(const struct config_phone *phone, enum apply_mode mode,
                           const struct apply_result *result) {
    json_t *changes = json_array(), *by_hand = json_array();
    for (size_t i = 0; result->plan != NULL && i < result->plan->count; i++)
        ENSURE(json_array_append_new(
                   changes, change_of(&result->plan->changes[i], result->changed[i])) == 0);
    for (size_t i = 0; result->plan != NULL && i < result->plan->by_hand_count; i++)
        ENSURE(json_array_append_new(by_hand, text_of(result->plan->by_hand[i].mend)) == 0);
    json_t *one = json_pack(
        "{s:o,s:s,s:s?,s:o,s:b,s:o,s:o,s:o,s:o,s:b,s:b}", "phone", text_of(phone->policy->id),
        "outcome", outcome_of(mode, result), "reason", result->reason, "about",
        text_of(result->about), "good", (int)harden_report_is_good(mode, result), "before",
        steps_of(result->before), "after", steps_of(result->after), "changes", changes, "by_hand",
        by_hand, "saved", (int)result->saved, "restarted", (int)result->restarted);
    ENSURE(one != NULL);
    return one;
}
