/* phonegate harden --provisioned: phones have fetched their settings; what they proved is in force.
 *
 * A phone takes its file as a whole or not at all. So once it takes a login that is new in its
 * file, the values that no login can prove (the administrator's password, the PIN) are its own as
 * well. They are promoted only where the vault has none in force. A login that was in force before
 * proves nothing, and where one of the new ones is not taken the phone lacks the whole file.
 * Nothing that a phone may still have is ever forgotten here: it may take a password because a run
 * of --apply was cut before it saved that, so the value that was in force stays in the vault, under
 * the setting's name with ".before". */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/cmd/cmd_harden.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/harden/recover.h"
#include "proxy/record/event.h"
#include "proxy/run/solo.h"

struct job {
    struct run *run;
    size_t phone;
};

struct run {
    const struct cmd_harden *h;
    struct vault *vault;
    struct solo solo;
    struct job *jobs;
    size_t begun, good;
    bool changed, failed;
};

static void start_next(struct run *run);

static int complain(const char *text) {
    fputs("phonegate harden: ", stderr);
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
    return CMD_NO;
}

/* False: nothing was kept. */
static bool keep_before(struct run *run, const struct secrets *secrets, struct str setting) {
    char text[64];
    struct outbuf name;
    struct str value;
    outbuf_init(&name, text, sizeof(text));
    outbuf_put(&name, setting);
    outbuf_put(&name, STR(".before"));
    return secrets_get(secrets, setting, VAULT_CURRENT, &value) &&
           vault_put(run->vault, secrets->phone->policy->id, outbuf_str(&name), VAULT_CURRENT,
                     value);
}

static const struct str logins[PHONE_ACCOUNTS] = {
    [ACCOUNT_LOGIN] = {"http_pass", 9}, [ACCOUNT_ADMIN] = {"service_mode_password", 21}};

static bool is_login(struct str setting) {
    return str_equal(setting, logins[ACCOUNT_LOGIN]) || str_equal(setting, logins[ACCOUNT_ADMIN]);
}

static bool is_proven(const struct recover_result *result, struct str setting) {
    for (size_t i = 0; i < PHONE_ACCOUNTS; i++)
        if (str_equal(setting, logins[i])) return result->on_candidate[i];
    return false;
}

/* A new value of which no login can tell. */
static bool is_unproven(const struct secrets *secrets, struct str setting) {
    return !is_login(setting) && secrets_has(secrets, setting, VAULT_CANDIDATE) &&
           !secrets_has(secrets, setting, VAULT_CURRENT);
}

/* What the phone took and, with `whole`, what only the file could have brought. False: the vault
 * could not be written. */
static bool promote(struct run *run, const struct secrets *secrets,
                    const struct recover_result *result, bool whole) {
    bool changed = false;
    char error[256];
    for (const char *const *name = secrets_settings; *name != NULL; name++) {
        struct str setting = str_of(*name);
        bool has = secrets_has(secrets, setting, VAULT_CURRENT);
        bool proven = is_proven(result, setting) || (whole && is_unproven(secrets, setting));
        if (!proven || (has && !keep_before(run, secrets, setting))) continue;
        changed |= secrets_promote(secrets, setting);
    }
    if (!changed) return true;
    run->changed = true;
    if (vault_commit(run->vault, error, sizeof(error))) return true;
    run->failed = true;
    (void)complain(error);
    return false;
}

/* A phone whose web interface is to be off does not answer, as it should. What it may have stays in
 * the vault as it is. */
static bool is_off(const struct run *run, size_t phone, const struct recover_result *result) {
    return !run->h->config->phones[phone].wui && result->state == RECOVER_FAILED &&
           (strcmp(result->reason, "phone_refused") == 0 ||
            strcmp(result->reason, "phone_closed") == 0);
}

/* NULL: it has its file, or (*nothing) there is nothing new that it could have. */
static const char *judge(struct run *run, size_t phone, const struct recover_result *result,
                         bool *nothing) {
    const struct secrets secrets = {&run->h->config->phones[phone], run->vault};
    bool proven = false, refused[PHONE_ACCOUNTS], unproven = false;
    if (result->state == RECOVER_OPEN) return "asks_for_no_login";
    if (result->state != RECOVER_KNOWN) return result->reason;
    for (size_t i = 0; i < PHONE_ACCOUNTS; i++) {
        proven |= result->on_candidate[i];
        refused[i] = !result->on_candidate[i] && secrets_has(&secrets, logins[i], VAULT_CANDIDATE);
    }
    for (const char *const *name = secrets_settings; *name != NULL; name++)
        unproven |= is_unproven(&secrets, str_of(*name));
    if (refused[ACCOUNT_LOGIN]) return "old_password_still";
    if (!promote(run, &secrets, result, proven && !refused[ACCOUNT_ADMIN]))
        return "vault_not_written";
    if (refused[ACCOUNT_ADMIN]) return "service_password_not_taken";
    *nothing = !proven && !unproven;
    return proven || *nothing ? NULL : "not_proven";
}

/* In the report. */
static const char *words_for(const char *reason, bool off, bool nothing) {
    if (off) return "its web interface is off, so nothing can be proven";
    if (reason != NULL) return reason;
    return nothing ? "nothing new was to be proven" : "has its settings";
}

static void on_done(void *user, const struct recover_result *result) {
    struct job *job = user;
    struct run *run = job->run;
    struct str id = run->h->config->policy.phones[job->phone].id;
    bool nothing = false;
    bool off = is_off(run, job->phone, result);
    const char *reason = off ? NULL : judge(run, job->phone, result, &nothing);
    const struct event event = {.event = "phone_provisioning_checked",
                                .outcome = reason == NULL ? "allowed" : "failed",
                                .reason = reason,
                                .phone = id,
                                .by_operator = true};
    event_write(run->solo.shared.log, &event);
    run->good += reason == NULL;
    cmd_print(stdout, id);
    printf(": %s\n", words_for(reason, off, nothing));
    start_next(run);
}

static void start_next(struct run *run) {
    if (run->begun == run->h->phone_count || run->failed) return;
    struct job *job = &run->jobs[run->begun];
    *job = (struct job){run, run->h->phones[run->begun]};
    run->begun++;
    const struct recover_request request = {.worker = &run->solo.worker,
                                            .config = run->h->config,
                                            .index = job->phone,
                                            .vault = run->vault,
                                            .service = true};
    (void)recover_start(&request, on_done, job);
}

static int run_all(struct run *run) {
    char error[256];
    const struct cmd_harden *h = run->h;
    struct str log = h->config->access_log.file;
    if (!solo_open(&run->solo, log.len > 0 ? log.ptr : NULL, error, sizeof(error)))
        return complain(error);
    run->jobs = calloc(h->phone_count + 1, sizeof(*run->jobs));
    ENSURE(run->jobs != NULL);
    for (size_t i = 0; i < h->parallel; i++) start_next(run);
    solo_run(&run->solo);
    solo_close(&run->solo);
    free(run->jobs);
    printf("%zu phone(s), %zu without anything left to prove\n", h->phone_count, run->good);
    if (run->changed && control_tell(h->config->state_dir, "reload") != CONTROL_TOLD)
        fputs("phonegate harden: no running gate was told what is in force now\n", stderr);
    return run->good == h->phone_count ? CMD_FINE : CMD_NO;
}

int cmd_harden_provisioned(const struct cmd_harden *h) {
    char error[256];
    const struct config_vault *settings = &h->config->vault;
    struct run run = {.h = h};
    if (settings->file.len == 0) return complain("there is no vault: nothing is to be proven");
    int lock = cmd_harden_lock(h->config, error, sizeof(error));
    if (lock < 0) return complain(error);
    run.vault = vault_open(settings->file.ptr, &settings->key, false, error, sizeof(error));
    int status = run.vault == NULL ? complain(error) : run_all(&run);
    vault_close(run.vault);
    close(lock);
    return status;
}
