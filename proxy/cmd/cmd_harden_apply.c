/* phonegate harden --plan, --apply, --rotate, --wui-off, --recover: some phones at a time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proxy/cmd/cmd_harden.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/cmd/harden_report.h"
#include "proxy/run/solo.h"

/* A running gate reads its files again at most so often while phones are changed. */
#define TELL_EVERY_MS 2000

struct run;

/* What a phone's end is told with. */
struct job {
    struct run *run;
    size_t phone; /* index into config->phones */
};

struct run {
    const struct cmd_harden *h;
    enum apply_mode mode;
    struct solo solo;
    struct vault *vault; /* NULL: none is configured */
    struct job *jobs;
    size_t begun, good, passed_over;
    json_t *report; /* with --format json */
    bool untold;    /* the vault was written since a gate was told */
    uint64_t told_ms;
    enum control_told told;
};

static void tell(struct run *run) {
    run->untold = false;
    run->told = control_tell(run->h->config->state_dir, "reload");
    run->told_ms = worker_now(&run->solo.worker);
}

/* A gate that serves these phones must know a new password before they do; otherwise there is time.
 */
static void on_vault_written(void *user, bool soon) {
    struct run *run = ((struct job *)user)->run;
    run->untold = true;
    if (soon || worker_now(&run->solo.worker) - run->told_ms >= TELL_EVERY_MS) tell(run);
}

static void start_next(struct run *run);

static void on_done(void *user, const struct apply_result *result) {
    struct job *job = user;
    struct run *run = job->run;
    const struct config_phone *phone = &run->h->config->phones[job->phone];
    run->good += harden_report_is_good(run->mode, result);
    if (run->report != NULL) {
        ENSURE(json_array_append_new(run->report, harden_report_json(phone, run->mode, result)) ==
               0);
    } else {
        harden_report_text(stdout, phone, run->mode, result);
        fflush(stdout);
    }
    start_next(run);
}

static bool has_both(const struct secrets *secrets, struct str setting) {
    return secrets_has(secrets, setting, VAULT_CURRENT) &&
           secrets_has(secrets, setting, VAULT_CANDIDATE);
}

/* With --all, --wui-off is about phones that are marked; --recover is about those that may have one
 * of two passwords. */
static bool is_meant(const struct run *run, size_t phone) {
    const struct secrets secrets = {&run->h->config->phones[phone], run->vault};
    if (run->mode == APPLY_RECOVER)
        return has_both(&secrets, STR("http_pass")) ||
               has_both(&secrets, STR("service_mode_password"));
    return run->mode != APPLY_WUI_OFF || !run->h->all || !run->h->config->phones[phone].wui;
}

static void start_next(struct run *run) {
    const struct cmd_harden *h = run->h;
    while (run->begun < h->phone_count && !is_meant(run, h->phones[run->begun])) {
        run->begun++;
        run->passed_over++;
    }
    if (run->begun == h->phone_count) return;
    struct job *job = &run->jobs[run->begun];
    *job = (struct job){run, h->phones[run->begun]};
    run->begun++;
    const struct apply_request request = {.worker = &run->solo.worker,
                                          .config = h->config,
                                          .index = job->phone,
                                          .vault = run->vault,
                                          .mode = run->mode,
                                          .beyond = h->beyond,
                                          .pins = h->pins,
                                          .vault_written = on_vault_written};
    (void)apply_start(&request, on_done, job);
}

static void sum_up(struct run *run) {
    size_t all = run->h->phone_count - run->passed_over;
    if (run->untold) tell(run);
    if (run->report != NULL) {
        (void)json_dumpf(run->report, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(run->report);
    } else {
        printf("%zu phone%s, %zu %s\n", all, all == 1 ? "" : "s", run->good,
               run->mode == APPLY_PLAN ? "without a change" : "as they should be");
    }
    if (run->told_ms == 0) return;
    if (run->told == CONTROL_NOBODY)
        fputs("phonegate harden: no gate runs here to be told of the new passwords\n", stderr);
    if (run->told == CONTROL_REFUSED)
        fputs("phonegate harden: the running gate did not take the new passwords: see its log\n",
              stderr);
}

static int complain(const char *text) {
    fputs("phonegate harden: ", stderr);
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
    return CMD_NO;
}

int cmd_harden_lock(const struct config *config, char *error, size_t error_len) {
    char *path;
    ENSURE(asprintf(&path, "%s.harden", config->vault.file.ptr) > 0);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked)
        snprintf(error, error_len, "%s: %s", path,
                 errno == EWOULDBLOCK ? "another phonegate harden is at work" : strerror(errno));
    if (!locked && fd >= 0) close(fd);
    free(path);
    return locked ? fd : -1;
}

static int run_all(struct run *run) {
    char error[256];
    const struct cmd_harden *h = run->h;
    struct str log = h->config->access_log.file;
    if (!solo_open(&run->solo, log.len > 0 ? log.ptr : NULL, error, sizeof(error)))
        return complain(error);
    run->jobs = calloc(h->phone_count + 1, sizeof(*run->jobs));
    ENSURE(run->jobs != NULL);
    if (h->json) run->report = json_array();
    for (size_t i = 0; i < h->parallel; i++) start_next(run);
    solo_run(&run->solo);
    sum_up(run);
    solo_close(&run->solo);
    free(run->jobs);
    return run->good + run->passed_over == h->phone_count ? CMD_FINE : CMD_NO;
}

static int with_vault(const struct cmd_harden *h, enum apply_mode mode) {
    char error[256];
    struct run run = {.h = h, .mode = mode};
    int lock = -1, status;
    bool has = h->config->vault.file.len > 0;
    if (has && mode != APPLY_PLAN) {
        lock = cmd_harden_lock(h->config, error, sizeof(error));
        if (lock < 0) return complain(error);
    }
    if (has)
        run.vault = vault_open(h->config->vault.file.ptr, &h->config->vault.key, false, error,
                               sizeof(error));
    status = has && run.vault == NULL ? complain(error) : run_all(&run);
    vault_close(run.vault);
    if (lock >= 0) close(lock);
    return status;
}

int cmd_harden_plan(const struct cmd_harden *h) {
    return with_vault(h, APPLY_PLAN);
}

int cmd_harden_apply(const struct cmd_harden *h) {
    static const enum apply_mode modes[CMD_HARDEN_ACTIONS] = {
        [CMD_HARDEN_APPLY] = APPLY_HARDEN,
        [CMD_HARDEN_ROTATE] = APPLY_ROTATE,
        [CMD_HARDEN_WUI_OFF] = APPLY_WUI_OFF,
        [CMD_HARDEN_RECOVER] = APPLY_RECOVER,
    };
    return with_vault(h, modes[h->action]);
}
