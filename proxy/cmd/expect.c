#include "proxy/cmd/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/expect_table.h"
#include "proxy/config/config_sample.h"
#include "proxy/config/textfile.h"

#define TABLE_MAX ((size_t)64 << 20)

struct run {
    const struct expect_job *job;
    struct expect_table table;
    struct explain explain;
    const struct config *config; /* that judges this table */
    char *long_body;
    struct expect_result *result;
};

/* What came out, in the words of a table. */
struct outcome {
    unsigned status; /* 0: allowed */
    const char *reason;
    const struct rule *rule;
};

static void report(void *user, const char *path, unsigned line, const char *text) {
    struct cmd_problems *problems = user;
    cmd_report(problems, CONFIG_ERROR, path, line, text);
}

static bool read_file(const char *path, struct textfile *file, struct cmd_problems *problems) {
    char error[160];
    if (textfile_read(path, TEXTFILE_PUBLIC, TABLE_MAX, file, error, sizeof(error))) return true;
    cmd_report(problems, CONFIG_ERROR, path, 0, error);
    return false;
}

static void ignore(void *user, const char *path, unsigned line, const char *text) {
    (void)user;
    (void)path;
    (void)line;
    (void)text;
}

bool expect_is_self_contained(const char *path) {
    struct textfile file;
    char error[160];
    struct expect_table table;
    if (!textfile_read(path, TEXTFILE_PUBLIC, TABLE_MAX, &file, error, sizeof(error))) return false;
    (void)!expect_table_read(&table, path, (struct str){file.text, file.len}, ignore, NULL);
    bool own = table.first_own > 0;
    expect_table_free(&table);
    textfile_free(&file);
    return own;
}

/* ---- one row ---- */

static struct outcome judge(struct run *run, const struct user *user,
                            const struct explain_request *request) {
    struct explain *e = &run->explain;
    switch (explain_judge(e, run->config, user, request)) {
    case EXPLAIN_REFUSED:
        return (struct outcome){.status = e->refusal.status, .reason = e->refusal.reason};
    case EXPLAIN_NO_HEAD:
        return (struct outcome){.status = 400, .reason = "no_request"};
    case EXPLAIN_DECIDED:
        break;
    }
    const struct decision *d = &e->decision;
    bool allowed = d->verdict == DECIDE_FORWARD && d->phone != NULL;
    /* Neither forwarded nor without a status: never, and never taken for an allow. */
    unsigned refused = d->status != 0 ? d->status : 500;
    return (struct outcome){.status = allowed ? 0 : refused, .reason = d->reason, .rule = d->rule};
}

static bool verdict_holds(struct str expected, unsigned status) {
    uint64_t number = 0;
    if (str_equal(expected, STR("allow"))) return status == 0;
    if (str_equal(expected, STR("deny"))) return status == 403;
    if (!str_to_u64(expected, 599, &number)) return false;
    /* "No such phone" is the one by path and the other by name. */
    if (number == 404 || number == 421) return status == 404 || status == 421;
    return status == number;
}

static bool holds(const struct expect_row *row, const struct outcome *seen) {
    if (!verdict_holds(row->verdict, seen->status)) return false;
    if (row->rule.ptr == NULL) return true;
    struct str rule = seen->rule != NULL ? seen->rule->name : STR("-");
    return str_equal(row->rule, rule);
}

static void print_row(const struct run *run, const struct expect_row *row) {
    const struct explain_request *request = &row->request;
    printf("%s:%u: ", run->table.path, row->line);
    const struct str cells[] = {row->user, request->phone, request->method, request->target};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        if (i > 0) putchar(' ');
        cmd_print(stdout, cells[i]);
    }
}

static void print_miss(const struct run *run, const struct expect_row *row,
                       const struct outcome *seen, bool by_path) {
    print_row(run, row);
    printf("%s\n  expected  ", by_path ? " (asked by path)" : "");
    cmd_print(stdout, row->verdict);
    printf("%s", row->rule.ptr != NULL ? "  " : "");
    cmd_print(stdout, row->rule);
    printf("\n  seen      ");
    if (seen->status == 0)
        printf("allow  ");
    else if (seen->status == 403)
        printf("deny  ");
    else
        printf("%u  ", seen->status);
    if (seen->rule != NULL) {
        cmd_print(stdout, seen->rule->name);
        printf(" (");
        cmd_print(stdout, seen->rule->file);
        printf(":%u)\n", seen->rule->line);
    } else {
        printf("-  (%s)\n", seen->reason);
    }
}

/* One octet more than may be judged, in a form that would be read if it were shorter. */
static struct str long_body(struct run *run, struct str text) {
    size_t len = run->config->limits.judged_body_bytes + 1;
    if (text.len >= len) return text;
    if (run->long_body == NULL) run->long_body = malloc(len);
    ENSURE(run->long_body != NULL);
    memset(run->long_body, 'x', len);
    if (text.len > 0) memcpy(run->long_body, text.ptr, text.len);
    return (struct str){run->long_body, len};
}

static void check_row(struct run *run, const struct expect_row *row,
                      struct cmd_problems *problems) {
    const struct user *user = users_find(run->config->policy.users, row->user);
    if (user == NULL) {
        char text[160];
        (void)snprintf(text, sizeof(text), "there is no user \"%.*s\"",
                       row->user.len < 100 ? (int)row->user.len : 100, row->user.ptr);
        report(problems, run->table.path, row->line, text);
        return;
    }
    struct explain_request request = row->request;
    if (row->has_long_body) request.body = long_body(run, request.body);
    bool good = true;
    for (int by_path = 0; by_path < (run->config->policy.portal_host_count > 0 ? 2 : 1);
         by_path++) {
        request.by_path = by_path > 0;
        struct outcome seen = judge(run, user, &request);
        if (!holds(row, &seen) && good) print_miss(run, row, &seen, request.by_path);
        good = good && holds(row, &seen);
    }
    if (good)
        run->result->held++;
    else
        run->result->failed++;
}

/* ---- one table ---- */

/* Where the profiles are that the table's own phones name, as libconfig wants it written. */
static char *profiles_dir(const struct run *run) {
    const char *dir = run->job->profiles_dir;
    if (dir == NULL && run->job->config != NULL) dir = run->job->config->profiles_dir.ptr;
    char *absolute = dir != NULL ? realpath(dir, NULL) : NULL;
    struct str from = str_of(absolute != NULL ? absolute : dir != NULL ? dir : "../profiles");
    char *escaped = malloc(2 * from.len + 1), *to = escaped;
    ENSURE(escaped != NULL);
    for (size_t i = 0; i < from.len; i++) {
        if (from.ptr[i] == '"' || from.ptr[i] == '\\') *to++ = '\\';
        *to++ = from.ptr[i];
    }
    *to = '\0';
    free(absolute);
    return escaped;
}

static struct config *own_config(struct run *run, struct cmd_problems *problems) {
    const struct expect_table *table = &run->table;
    struct config *config = NULL;
    char *dir = profiles_dir(run), *text;
    /* No line end in front: each line stays the table's. */
    int len =
        asprintf(&text,
                 "realm = \"sample.invalid\"; host = \"gate.invalid\"; users_file = \"users\"; "
                 "https: { listen = [ \"192.0.2.2:443\" ]; certificate = \"c\"; key = \"k\"; }; "
                 "profiles_dir = \"%s\"; " STR_FMT,
                 dir, STR_ARG(table->sample));
    ENSURE(len > 0);
    const struct config_sample sample = {
        table->path, {text, (size_t)len}, table->users, table->user_count};
    (void)!config_sample(&sample, cmd_report, problems, &config);
    free(text);
    free(dir);
    return config;
}

static void judge_rows(struct run *run, struct cmd_problems *problems) {
    struct config *own = NULL;
    run->config = run->job->config;
    if (run->table.first_own > 0) run->config = own = own_config(run, problems);
    if (run->config == NULL && problems->errors == 0)
        report(problems, run->table.path, 0, "names no phones of its own: -c is needed");
    if (run->config != NULL) {
        explain_init(&run->explain);
        for (size_t i = 0; i < run->table.row_count; i++)
            check_row(run, &run->table.rows[i], problems);
        explain_deinit(&run->explain);
    }
    free(run->long_body);
    config_release(own);
}

void expect_run(const struct expect_job *job, const char *path, struct expect_result *result) {
    struct cmd_problems problems = {.quiet_warnings = true};
    struct textfile file;
    if (!read_file(path, &file, &problems)) {
        result->broken = true;
        return;
    }
    struct run run = {.job = job, .result = result};
    if (expect_table_read(&run.table, path, (struct str){file.text, file.len}, report, &problems))
        judge_rows(&run, &problems);
    if (problems.errors > 0) result->broken = true;
    expect_table_free(&run.table);
    textfile_free(&file);
}
