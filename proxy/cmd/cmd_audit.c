/* phonegate audit: which of the four steps hold on which phone. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/access/urlpath.h"
#include "proxy/cmd/cmd.h"
#include "proxy/harden/audit.h"
#include "proxy/harden/audit_report.h"
#include "proxy/record/event.h"

#define WORDS_MAX        4096
#define PARALLEL_DEFAULT 32
#define PARALLEL_MAX     256
/* How often the line of progress is drawn anew. */
#define PROGRESS_MS 100

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML };

struct audit_cmd {
    const char *file, *baseline_file, *provisioning;
    enum format format;
    uint64_t parallel;
    bool try_factory;
    const char *words[WORDS_MAX];
    size_t word_count;
    struct config *config;
    size_t *phones; /* indices */
    size_t phone_count;
    json_t *baseline; /* NULL: none */
    json_t *report;
    struct solo solo;
    size_t done;
    bool shows_progress;
    uint64_t drawn_ms;
};

/* ---- the command line ---- */

static bool take_format(const char *name, enum format *format) {
    static const char *const names[] = {"text", "json", "html"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *format = (enum format)i;
        return true;
    }
    return false;
}

static bool take_options(int argc, char **argv, struct audit_cmd *a) {
    const char *format = NULL, *parallel = NULL;
    const struct cmd_option options[] = {{"-c", &a->file},
                                         {"--format", &format},
                                         {"--parallel", &parallel},
                                         {"--baseline", &a->baseline_file},
                                         {"--provisioning", &a->provisioning},
                                         {NULL, NULL}};
    a->try_factory = cmd_take_flag(&argc, argv, "--try-factory-passwords");
    a->parallel = PARALLEL_DEFAULT;
    a->word_count = WORDS_MAX;
    if (!cmd_args(argc, argv, options, a->words, &a->word_count)) return false;
    const char *wrong = NULL;
    if (format != NULL && !take_format(format, &a->format))
        wrong = "--format is text, json or html";
    if (parallel != NULL &&
        (!str_to_u64(str_of(parallel), PARALLEL_MAX, &a->parallel) || a->parallel == 0))
        wrong = "--parallel is a number from 1 to 256";
    if (wrong != NULL) (void)cmd_usage_error(argv[0], "%s", wrong);
    if (a->file == NULL) a->file = CMD_DEFAULT_FILE;
    return wrong == NULL;
}

/* The phones that are meant, in the order of the configuration. Each word has to mean one, or a
 * slip of the pen would look like a clean report. */
static bool pick_phones(struct audit_cmd *a) {
    const struct policy *policy = &a->config->policy;
    bool *wanted = calloc(policy->phone_count + 1, sizeof(*wanted)), good = true;
    a->phones = calloc(policy->phone_count + 1, sizeof(*a->phones));
    ENSURE(wanted != NULL && a->phones != NULL);
    for (size_t w = 0; w < a->word_count && good; w++) {
        bool any = false;
        for (size_t i = 0; i < policy->phone_count; i++) {
            if (!urlpath_matches(str_of(a->words[w]), policy->phones[i].id, false)) continue;
            wanted[i] = any = true;
        }
        good = any;
        if (!any) (void)cmd_usage_error("audit", "no phone %s in %s", a->words[w], a->file);
    }
    for (size_t i = 0; i < policy->phone_count; i++)
        if (wanted[i] || a->word_count == 0) a->phones[a->phone_count++] = i;
    free(wanted);
    return good;
}

/* ---- one phone after the other ---- */

static void draw_progress(struct audit_cmd *a) {
    uint64_t now = worker_now(&a->solo.worker);
    if (!a->shows_progress) return;
    if (a->done < a->phone_count && now - a->drawn_ms < PROGRESS_MS) return;
    a->drawn_ms = now;
    fprintf(stderr, "\r%zu of %zu phones", a->done, a->phone_count);
    if (a->done == a->phone_count) (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

static void put_step(struct outbuf *out, unsigned step, enum harden_state state) {
    if (out->len > 0) outbuf_char(out, ' ');
    outbuf_put(out, str_of(harden_step_str(step)));
    outbuf_char(out, '=');
    outbuf_put(out, str_of(harden_state_str(state)));
}

/* A phone was asked, perhaps with a password: that is an access like any other. */
static void record(struct audit_cmd *a, const struct config_phone *cfg,
                   const struct probe_result *result, const struct harden_report *findings) {
    char memory[128];
    struct outbuf steps;
    outbuf_init(&steps, memory, sizeof(memory));
    for (unsigned i = 1; i < HARDEN_STEPS; i++) put_step(&steps, i, findings->steps[i]);
    const struct event_field more[] = {{"phone_addr", cfg->authority},
                                       {"upstream_account", result->account},
                                       {"steps", outbuf_str(&steps)},
                                       {"policy_version", a->config->digest_of_file}};
    const struct event event = {
        .event = "phone_audited",
        .outcome = result->trouble == NULL ? "allowed" : "failed",
        .reason = result->trouble,
        .phone = cfg->policy->id,
        .by_operator = true,
        .more = more,
        .more_count = ARRAY_LEN(more),
    };
    event_write(a->solo.shared.log, &event);
}

static void on_phone(void *user, size_t index, const struct probe_result *result,
                     const struct harden_report *findings) {
    struct audit_cmd *a = user;
    const struct config_phone *cfg = &a->config->phones[index];
    const struct audit_subject subject = {
        .id = cfg->policy->id,
        .name = cfg->policy->name,
        .profile = cfg->policy->profile->name,
        .address = cfg->authority,
        .model = result->facts.model,
        .firmware = result->facts.firmware,
        .mac = result->mac.len > 0 ? result->mac : cfg->mac,
        .trouble = result->trouble,
        .order = index,
        .pin = result->has_pin ? result->pin : NULL,
    };
    record(a, cfg, result, findings);
    audit_report_add(a->report, &subject, findings);
    a->done++;
    draw_progress(a);
}

/* ---- all of them ---- */

static bool is_configured(void *user, const char *id) {
    const struct policy *policy = &((struct audit_cmd *)user)->config->policy;
    for (size_t i = 0; i < policy->phone_count; i++) {
        if (str_equal(policy->phones[i].id, str_of(id))) return true;
    }
    return false;
}

static bool write_report(struct audit_cmd *a) {
    switch (a->format) {
    case FORMAT_TEXT:
        audit_report_write_text(a->report, stdout, cmd_may_colour(stdout));
        break;
    case FORMAT_JSON:
        audit_report_write_json(a->report, stdout);
        break;
    case FORMAT_HTML:
        audit_report_write_html(a->report, stdout);
        break;
    }
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return true;
    fprintf(stderr, "phonegate audit: the report could not be written: %s\n", strerror(errno));
    return false;
}

static int run(struct audit_cmd *a) {
    char error[256];
    if (!solo_open(&a->solo, a->config->access_log.file.ptr, error, sizeof(error))) {
        fprintf(stderr, "phonegate audit: the access log cannot be written: %s\n", error);
        return CMD_USAGE;
    }
    const struct audit_request request = {
        .config = a->config,
        .phones = a->phones,
        .count = a->phone_count,
        .parallel = (unsigned)a->parallel,
        .provisioning = a->provisioning,
        .probe = {.try_factory = a->try_factory, .timeouts = fetch_timeouts(&a->config->limits)},
    };
    a->report = audit_report_new(PHONEGATE_VERSION, a->config->digest_of_file);
    a->shows_progress = isatty(STDERR_FILENO) == 1;
    draw_progress(a);
    audit_run(&a->solo, &request, on_phone, a);
    solo_close(&a->solo);
    audit_report_finish(a->report);
    bool clean = audit_report_is_clean(a->report);
    if (a->baseline != NULL) audit_report_compare(a->report, a->baseline, is_configured, a);
    bool written = write_report(a);
    json_decref(a->report);
    return clean && written ? CMD_FINE : CMD_NO;
}

static int prepare(struct audit_cmd *a) {
    struct cmd_problems problems = {.quiet_warnings = true};
    char error[512];
    enum config_result result = config_load(a->file, cmd_report, &problems, &a->config);
    if (result != CONFIG_OK) return cmd_status_of(result);
    if (a->baseline_file != NULL) {
        a->baseline = audit_report_read(a->baseline_file, error, sizeof(error));
        if (a->baseline == NULL) return cmd_usage_error("audit", "%s", error);
    }
    if (a->provisioning == NULL) a->provisioning = a->config->provisioning.directory.ptr;
    return pick_phones(a) ? run(a) : CMD_USAGE;
}

int cmd_audit(int argc, char **argv) {
    struct audit_cmd *a = calloc(1, sizeof(*a));
    ENSURE(a != NULL);
    int status = take_options(argc, argv, a) ? prepare(a) : CMD_USAGE;
    json_decref(a->baseline);
    free(a->phones);
    config_release(a->config);
    free(a);
    return status;
}
