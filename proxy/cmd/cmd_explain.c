#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/explain_report.h"
#include "proxy/config/textfile.h"

#define BODY_MAX ((size_t)1 << 30) /* what a person may try here, whatever the limits say */

#define FIELDS_MAX 64

struct question {
    const char *file, *user, *phone, *method, *target, *body_file, *content_type, *list, *format,
        *from, *at;
    const char *field_texts[FIELDS_MAX];
    struct header fields[FIELDS_MAX];
    struct network_address address;
    struct when when;
    size_t field_count;
    bool script, trace, json, restricted;
};

/* What is wrong with the words of a command; NULL where nothing is. */
static const char *problem_of(struct question *q, size_t words) {
    if (q->list != NULL) {
        bool alone = q->user == NULL && q->phone == NULL && words == 0 && q->body_file == NULL &&
                     q->content_type == NULL && q->format == NULL && q->field_count == 0 &&
                     q->from == NULL && q->at == NULL && !q->script && !q->trace && !q->restricted;
        return alone ? NULL : "--requests goes with -c only";
    }
    if (words < 2) return "METHOD and TARGET are missing";
    if (q->target[0] != '/') return "TARGET is a path: it begins with /";
    if (strpbrk(q->method, "\r\n") != NULL || strpbrk(q->target, "\r\n") != NULL)
        return "METHOD and TARGET stand in one line";
    if (q->phone == NULL) return "--phone ID is missing";
    if (q->user == NULL) return "--user NAME is missing";
    if (q->content_type != NULL && q->body_file == NULL) return "--content-type needs --body";
    if (q->format != NULL && strcmp(q->format, "text") != 0 && strcmp(q->format, "json") != 0)
        return "--format is text or json";
    if (q->from != NULL && !explain_address_from(q->from, &q->address))
        return "--from is an address: 192.0.2.1 or 2001:db8::1";
    if (q->at != NULL && !explain_when_from(str_of(q->at), &q->when))
        return "--at is a time: 2026-12-31T18:00:00Z, with +01:00 for the Z, or 2026-12-31";
    return NULL;
}

static bool read_question(int argc, char **argv, struct question *q) {
    const struct cmd_option options[] = {
        {"-c", &q->file},
        {"--user", &q->user},
        {"--phone", &q->phone},
        {"--body", &q->body_file},
        {"--content-type", &q->content_type},
        {"--requests", &q->list},
        {"--format", &q->format},
        {"--from", &q->from},
        {"--at", &q->at},
        {NULL, NULL},
    };
    const char *words[2] = {NULL, NULL};
    size_t count = ARRAY_LEN(words);
    q->field_count = FIELDS_MAX;
    if (!cmd_take_values(&argc, argv, "--header", q->field_texts, &q->field_count)) return false;
    q->script = cmd_take_flag(&argc, argv, "--script");
    q->trace = cmd_take_flag(&argc, argv, "--trace");
    q->restricted = cmd_take_flag(&argc, argv, "--restricted");
    if (!cmd_args(argc, argv, options, words, &count)) return false;
    q->method = words[0];
    q->target = words[1];
    const char *problem = problem_of(q, count);
    if (problem != NULL) (void)cmd_usage_error(argv[0], "%s", problem);
    if (q->file == NULL) q->file = CMD_DEFAULT_FILE;
    q->json = q->format != NULL && strcmp(q->format, "json") == 0;
    if (q->content_type == NULL) q->content_type = "application/x-www-form-urlencoded";
    return problem == NULL;
}

/* "Name: value" as it would stand in a request. */
static bool read_fields(struct question *q) {
    for (size_t i = 0; i < q->field_count; i++) {
        struct str line = str_of(q->field_texts[i]);
        size_t colon = str_find(line, ':', 0);
        q->fields[i] = (struct header){str_part(line, 0, colon),
                                       str_trim(str_part(line, colon + 1, line.len))};
        if (colon > 0 && colon < line.len) continue;
        (void)cmd_usage_error("explain", "a header is written 'Name: value'");
        return false;
    }
    return true;
}

static void show(const struct question *q, json_t *report) {
    if (q->json) {
        (void)json_dumpf(report, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        explain_report_text(stdout, report);
    }
    json_decref(report);
}

static int judge(const struct question *q, const struct config *config, const struct user *user,
                 const struct textfile *body) {
    const struct explain_request request = {
        .method = str_of(q->method),
        .target = str_of(q->target),
        .phone = str_of(q->phone),
        .has_body = q->body_file != NULL,
        .restricted = q->restricted,
        .body = {body->text, body->len},
        .content_type = str_of(q->content_type),
        .sender = q->script ? EXPLAIN_SCRIPT : EXPLAIN_OWN_PAGE,
        .fields = q->fields,
        .field_count = q->field_count,
        .when = q->when,
        .address = q->address,
    };
    const struct explain_shown shown = {
        .config = config, .user = str_of(q->user), .request = &request, .rules = q->trace};
    struct explain e;
    explain_init(&e);
    enum explain_result result = explain_judge(&e, config, user, &request);
    int status =
        result == EXPLAIN_DECIDED && e.decision.verdict == DECIDE_FORWARD ? CMD_FINE : CMD_NO;
    if (result == EXPLAIN_NO_HEAD)
        status = cmd_usage_error("explain", "METHOD, TARGET and headers hold no line ends");
    else
        show(q, explain_report(&shown, result, &e));
    explain_deinit(&e);
    return status;
}

static int explain(struct question *q, const struct config *config) {
    const struct user *user = users_find(config->policy.users, str_of(q->user));
    if (user == NULL) {
        show(q, explain_report_refusal(401, "unknown_user"));
        return CMD_NO;
    }
    struct textfile body = {0};
    char error[160];
    if (!read_fields(q)) return CMD_USAGE;
    if (q->body_file != NULL &&
        !textfile_read(q->body_file, TEXTFILE_PUBLIC, BODY_MAX, &body, error, sizeof(error)))
        return cmd_usage_error("explain", "%s: %s", q->body_file, error);
    int status = judge(q, config, user, &body);
    textfile_free(&body);
    return status;
}

int cmd_explain(int argc, char **argv) {
    struct question question = {0};
    if (!read_question(argc, argv, &question)) return CMD_USAGE;
    struct cmd_problems problems = {.quiet_warnings = true};
    struct config *config;
    enum config_result result = config_load(question.file, cmd_report, &problems, &config);
    if (config == NULL) return cmd_status_of(result);
    int status = question.list != NULL ? cmd_explain_list(config, question.list)
                                       : explain(&question, config);
    config_release(config);
    return status;
}
