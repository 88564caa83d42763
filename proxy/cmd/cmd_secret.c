/* phonegate secret: what is in the vault, to look at and to change.
 *
 * A secret goes to standard output, or comes from the terminal or standard input; never by argv.
 * That it was shown stands in the access log before it is. */
#include "proxy/cmd/cmd_secret.h"

#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/operator_record.h"
#include "proxy/run/process.h"

static const char *const which_names[] = {"current", "candidate"};

int cmd_secret_refuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain("secret", format, args);
    va_end(args);
    return CMD_NO;
}

bool cmd_secret_record(const struct secret_job *job, const char *event, const char *settings) {
    const struct config_part *part = job->settings;
    const struct event_field fields[] = {{"settings", str_of(settings)},
                                         {"vault", part->vault.file}};
    const struct event record = {.event = event,
                                 .outcome = "allowed",
                                 .phone = job->phone,
                                 .by_operator = true,
                                 .more = fields,
                                 .more_count = ARRAY_LEN(fields)};
    return operator_record("secret", part->access_log, part->access_log_required, &record);
}

/* ---- show ---- */

static bool is_meant(const struct secret_job *job, const struct vault_entry *entry) {
    if (!str_equal(entry->phone, job->phone)) return false;
    if (job->setting.len == 0) return true;
    return str_equal(entry->setting, job->setting) && entry->which == job->which;
}

/* "http_pass http_pass(candidate)": what will be shown; malloc'ed, NULL where nothing is. */
static char *names_of_shown(const struct secret_job *job, const struct vault *v) {
    struct vault_entry entry;
    char *names = NULL;
    for (size_t at = 0; vault_next(v, &at, &entry);) {
        char *more;
        if (!is_meant(job, &entry) || entry.problem != NULL) continue;
        ENSURE(asprintf(&more, "%s%s" STR_FMT "%s", names == NULL ? "" : names,
                        names == NULL ? "" : " ", STR_ARG(entry.setting),
                        entry.which == VAULT_CANDIDATE ? "(candidate)" : "") >= 0);
        free(names);
        names = more;
    }
    return names;
}

static void print_one(const struct secret_job *job, const struct vault *v,
                      const struct vault_entry *entry) {
    struct str value;
    if (!vault_get(v, entry->phone, entry->setting, entry->which, &value)) return;
    if (job->setting.len == 0) {
        cmd_print(stdout, entry->setting);
        printf("\t%s\t", which_names[entry->which]);
    }
    fwrite(value.ptr, 1, value.len, stdout);
    fputc('\n', stdout);
}

/* The damaged ones; true where there are any. */
static bool tell_damaged(const struct secret_job *job, const struct vault *v) {
    struct vault_entry entry;
    bool any = false;
    for (size_t at = 0; vault_next(v, &at, &entry);) {
        if (!is_meant(job, &entry) || entry.problem == NULL) continue;
        (void)cmd_secret_refuse(STR_FMT " " STR_FMT " %s: %s", STR_ARG(entry.phone),
                                STR_ARG(entry.setting), which_names[entry.which], entry.problem);
        any = true;
    }
    return any;
}

static int show(const struct secret_job *job, const struct vault *v) {
    bool damaged = tell_damaged(job, v);
    char *names = names_of_shown(job, v);
    if (names == NULL && !damaged)
        (void)cmd_secret_refuse("the vault has no %s%s of phone %s",
                                job->which == VAULT_CANDIDATE ? "candidate for " : "",
                                job->setting.len > 0 ? job->setting.ptr : "record", job->phone.ptr);
    bool may = names != NULL && cmd_secret_record(job, "secret_shown", names);
    free(names);
    if (!may) return CMD_NO;
    struct vault_entry entry;
    for (size_t at = 0; vault_next(v, &at, &entry);)
        if (is_meant(job, &entry)) print_one(job, v, &entry);
    return damaged || fflush(stdout) != 0 ? CMD_NO : CMD_FINE;
}

/* ---- list ---- */

/* Names only, so it leaves no record. */
static int list(const struct secret_job *job, const struct vault *v) {
    struct vault_entry entry;
    size_t count = 0, at = 0;
    while (vault_next(v, &at, &entry)) {
        if (job->phone.len > 0 && !str_equal(entry.phone, job->phone)) continue;
        cmd_print(stdout, entry.phone);
        fputc('\t', stdout);
        cmd_print(stdout, entry.setting);
        printf("\t%s", which_names[entry.which]);
        if (entry.problem != NULL) printf("\tdamaged: %s", entry.problem);
        fputc('\n', stdout);
        count++;
    }
    char text[256];
    bool damaged = false;
    for (at = 0; vault_damage(v, &at, text, sizeof(text)); damaged = true)
        (void)cmd_secret_refuse("%s: %s", job->settings->vault.file.ptr, text);
    fprintf(stderr, "%s: %zu record(s), written %llu time(s)\n", job->settings->vault.file.ptr,
            count, (unsigned long long)vault_generation(v));
    return damaged ? CMD_NO : CMD_FINE;
}

/* ---- which of them ---- */

typedef int with_vault(const struct secret_job *job, const struct vault *v);

static int look(const struct secret_job *job, with_vault *run) {
    char error[CMD_SECRET_ERROR];
    const struct config_vault *settings = &job->settings->vault;
    struct vault *v = vault_open(settings->file.ptr, &settings->key, false, error, sizeof(error));
    if (v == NULL) return cmd_secret_refuse("%s", error);
    int status = run(job, v);
    vault_close(v);
    return status;
}

static int run_show(const struct secret_job *job) {
    return look(job, show);
}

static int run_list(const struct secret_job *job) {
    return look(job, list);
}

static const struct action {
    const char *name;
    int (*run)(const struct secret_job *job);
    size_t least, most; /* words behind the name */
    bool candidate;     /* takes --candidate */
} actions[] = {
    {"show", run_show, 1, 2, true},         {"list", run_list, 0, 1, false},
    {"set", cmd_secret_set, 2, 2, true},    {"drop", cmd_secret_drop, 2, 2, true},
    {"init", cmd_secret_init, 0, 0, false},
};

static const struct action *find_action(const char *name) {
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, name) == 0) return &actions[i];
    return NULL;
}

static int run(const struct action *action, struct secret_job *job) {
    struct cmd_problems problems = {0};
    struct config_part *part;
    enum config_result result = config_part_load(job->file, cmd_report, &problems, &part);
    if (part == NULL) return cmd_status_of(result);
    job->settings = part;
    int status = part->vault.file.len > 0
                     ? action->run(job)
                     : cmd_secret_refuse("the configuration has no group \"vault\"");
    config_part_free(part);
    return status;
}

int cmd_secret(int argc, char **argv) {
    const char *file = CMD_DEFAULT_FILE, *given = NULL, *words[3] = {NULL};
    const struct cmd_option options[] = {{"-c", &given}, {NULL, NULL}};
    size_t count = ARRAY_LEN(words);
    bool candidate = cmd_take_flag(&argc, argv, "--candidate");
    struct secret_job job = {.which = candidate ? VAULT_CANDIDATE : VAULT_CURRENT,
                             .generate = cmd_take_flag(&argc, argv, "--generate")};
    if (!cmd_args(argc, argv, options, words, &count)) return CMD_USAGE;
    const struct action *action = find_action(words[0]);
    if (action == NULL) return cmd_usage_error(argv[0], "show, list, set, drop or init?");
    if (count - 1 < action->least)
        return cmd_usage_error(argv[0], "%s is missing", count == 1 ? "PHONE" : "SETTING");
    if (count - 1 > action->most)
        return cmd_usage_error(argv[0], "%s is too much", words[action->most + 1]);
    if (candidate && (!action->candidate || count < 3))
        return cmd_usage_error(argv[0], "--candidate goes with PHONE SETTING");
    if (job.generate && action->run != cmd_secret_set)
        return cmd_usage_error(argv[0], "--generate goes with set");
    process_prepare();
    job.file = given != NULL ? given : file;
    job.phone = str_of(words[1]);
    job.setting = str_of(words[2]);
    return run(action, &job);
}
