/* phonegate harden --provision: a file for each phone. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/cmd/cmd_harden.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/harden/provisioning.h"
#include "proxy/record/event.h"
#include "proxy/run/solo.h"

struct run {
    const struct cmd_harden *h;
    struct provisioning p;
    struct provisioning_file *files; /* one for each phone that is meant */
    struct solo solo;
    size_t written, failed;
};

static struct str id_of(const struct run *run, const struct provisioning_file *file) {
    return run->h->config->policy.phones[file->index].id;
}

static int complain(const char *text) {
    fputs("phonegate harden: ", stderr);
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
    return CMD_NO;
}

/* What the stable name means, for a person who has to mend it. */
static const char *explain(const char *reason) {
    static const char *const texts[][2] = {
        {"no_mac", "the configuration does not say its MAC"},
        {"no_rules", "its profile says nothing about hardening"},
        {"no_account", "the configuration names no such account"},
        {"no_vault", "there is no vault for a new one"},
        {"vault_damaged", "its record in the vault is damaged: see phonegate secret list"},
        {"no_new_password", "the vault takes no new one"},
        {"value_missing", "there is no value for it"},
        {"value_not_taken", "its value cannot stand in such a file"},
        {"not_read_back", "the file does not read back as it was meant"},
        {"step_falls_short", "with this value the step would not hold"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i][0], reason) == 0) return texts[i][1];
    return reason;
}

static void tell_failure(struct run *run, const struct provisioning_file *file, const char *text) {
    struct str id = id_of(run, file);
    run->failed++;
    fputs("phonegate harden: ", stderr);
    cmd_print(stderr, id);
    fprintf(stderr, ": %s%s%s\n", file->about, file->about[0] != '\0' ? ": " : "", text);
}

static void record(struct run *run, const struct provisioning_file *file, const char *reason) {
    const struct event_field more[] = {{"setting", str_of(file->about)}};
    const struct event event = {.event = "phone_provisioned",
                                .outcome = reason == NULL ? "allowed" : "failed",
                                .reason = reason,
                                .phone = id_of(run, file),
                                .by_operator = true,
                                .more = more,
                                .more_count = ARRAY_LEN(more)};
    event_write(run->solo.shared.log, &event);
}

static void make_all(struct run *run) {
    for (size_t i = 0; i < run->h->phone_count; i++) {
        struct provisioning_file *file = &run->files[i];
        if (provisioning_make(&run->p, run->h->phones[i], file)) continue;
        tell_failure(run, file, explain(file->reason));
        record(run, file, file->reason);
    }
}

static void write_all(struct run *run) {
    char error[256];
    for (size_t i = 0; i < run->h->phone_count; i++) {
        struct provisioning_file *file = &run->files[i];
        if (file->text == NULL) continue;
        bool good = provisioning_write(&run->p, run->h->directory, file, error, sizeof(error));
        if (!good) tell_failure(run, file, error);
        if (good) run->written++;
        record(run, file, good ? NULL : "not_written");
    }
}

static size_t records_of(const struct vault *vault) {
    struct vault_entry entry;
    size_t count = 0;
    for (size_t at = 0; vault != NULL && vault_next(vault, &at, &entry);) count++;
    return count;
}

/* The vault first: a phone must never take a password that nobody has. */
static int commit_and_write(struct run *run, bool vault_changed) {
    char error[256];
    if (vault_changed && !vault_commit(run->p.vault, error, sizeof(error))) return complain(error);
    if (!provisioning_directory(run->h->directory, error, sizeof(error))) return complain(error);
    write_all(run);
    printf("wrote %zu file(s) to %s", run->written, run->h->directory);
    printf(run->failed > 0 ? ", failed: %zu\n" : "\n", run->failed);
    return run->failed > 0 ? CMD_NO : CMD_FINE;
}

static void tell_gate(const struct config *config) {
    switch (control_tell(config->state_dir, "reload")) {
    case CONTROL_TOLD:
        return;
    case CONTROL_NOBODY:
        fputs("phonegate harden: no gate runs here to be told of the new passwords\n", stderr);
        return;
    case CONTROL_REFUSED:
        fputs("phonegate harden: the running gate did not take the new passwords: see its log\n",
              stderr);
        return;
    }
}

static int run_all(struct run *run) {
    char error[256];
    size_t records = records_of(run->p.vault);
    struct str log = run->h->config->access_log.file;
    if (!solo_open(&run->solo, log.len > 0 ? log.ptr : NULL, error, sizeof(error)))
        return complain(error);
    run->files = calloc(run->h->phone_count + 1, sizeof(*run->files));
    ENSURE(run->files != NULL);
    make_all(run);
    bool vault_changed = records_of(run->p.vault) != records; /* nothing is ever dropped here */
    int status = commit_and_write(run, vault_changed);
    for (size_t i = 0; i < run->h->phone_count; i++) provisioning_free(&run->files[i]);
    free(run->files);
    solo_close(&run->solo);
    if (vault_changed) tell_gate(run->h->config);
    return status;
}

int cmd_harden_provision(const struct cmd_harden *h) {
    char error[256];
    const struct config_vault *settings = &h->config->vault;
    struct run run = {.h = h, .p = {.config = h->config, .beyond = h->beyond}};
    if (settings->file.len == 0) return run_all(&run);
    int lock = cmd_harden_lock(h->config, error, sizeof(error));
    if (lock < 0) return complain(error);
    run.p.vault = vault_open(settings->file.ptr, &settings->key, false, error, sizeof(error));
    int status = run.p.vault == NULL ? complain(error) : run_all(&run);
    vault_close(run.p.vault);
    close(lock);
    return status;
}
