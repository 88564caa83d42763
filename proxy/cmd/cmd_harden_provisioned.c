/* phonegate harden --provisioned: phones have fetched their settings; what they proved is in force.
 *
 * A phone takes its file as a whole or not at all. So once it takes the login of its file, the
 * values that no login can prove (the administrator's password, the PIN) are its own as well. They
 * are promoted only where the vault has none in force. Nothing that a phone may still have is ever
 * forgotten here: it may take a password because a run of --apply was cut before it saved that, so
 * the value that was in force stays in the vault, under the setting's name with ".before". */
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

static bool is_proven(const struct recover_result *result, struct str setting) {
    if (str_equal(setting, STR("http_pass"))) return result->on_candidate[ACCOUNT_LOGIN];
    return str_equal(setting, STR("service_mode_password")) && result->on_candidate[ACCOUNT_ADMIN];
}

/* What the phone took, and what only the file could have brought. False: the vault could not be
 * written. */
static bool promote(struct run *run, const struct secrets *secrets,
                    const struct recover_result *result) {
    bool changed = false;
    char error[256];
    for (const char *const *name = secrets_settings; *name != NULL; name++) {
        struct str setting = str_of(*name);
        bool has = secrets_has(secrets, setting, VAULT_CURRENT);
        if (has && !(is_proven(result, setting) && keep_before(run, secrets, setting))) continue;
        changed |= secrets_promote(secrets, setting);
    }
    if (!changed) return true;
    run->changed = true;
    if (vault_commit(run->vault, error, sizeof(error))) return true;
    run->failed = true;
    (void)complain(error);
    return false;
}

/* NULL: it has its file. */
static const char *judge(struct run *run, size_t phone, const struct recover_result *result) {
    const struct secrets secrets = {&run->h->config->phones[phone], run->vault};
    if (result->state == RECOVER_OPEN) return "asks_for_no_login";
    if (result->state != RECOVER_KNOWN) return result->reason;
    if (!result->on_candidate[ACCOUNT_LOGIN] &&
        secrets_has(&secrets, STR("http_pass"), VAULT_CANDIDATE))
        return "old_password_still";
    return promote(run, &secrets, result) ? NULL : "vault_not_written";
}

static void on_done(void *user, const struct recover_result *result) {
    struct job *job = user;
    struct run *run = job->run;
    struct str id = run->h->config->policy.phones[job->phone].id;
    const char *reason = judge(run, job->phone, result);
    const struct event event = {.event = "phone_provisioning_checked",
                                .outcome = reason == NULL ? "allowed" : "failed",
                                .reason = reason,
                                .phone = id,
                                .by_operator = true};
    event_write(run->solo.shared.log, &event);
    run->good += reason == NULL;
    cmd_print(stdout, id);
    printf(": %s\n", reason == NULL ? "has its settings" : reason);
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
    printf("%zu phone(s), %zu with their settings\n", h->phone_count, run->good);
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
