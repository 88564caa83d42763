#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/explain.h"
#include "proxy/config/textfile.h"

#define BODY_MAX ((size_t)1 << 30) /* what a person may try here, whatever the limits say */

struct question {
    const char *file, *user, *phone, *method, *target, *body_file, *content_type, *list;
};

/* What is wrong with the words of a command; NULL where nothing is. */
static const char *problem_of(const struct question *q, size_t words) {
    if (q->list != NULL) {
        bool alone = q->user == NULL && q->phone == NULL && words == 0 && q->body_file == NULL &&
                     q->content_type == NULL;
        return alone ? NULL : "--requests goes with -c only";
    }
    if (words < 2) return "METHOD and TARGET are missing";
    if (q->target[0] != '/') return "TARGET is a path: it begins with /";
    if (q->phone == NULL) return "--phone ID is missing";
    if (q->user == NULL) return "--user NAME is missing";
    if (q->content_type != NULL && q->body_file == NULL) return "--content-type needs --body";
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
        {NULL, NULL},
    };
    const char *words[2] = {NULL, NULL};
    size_t count = ARRAY_LEN(words);
    if (!cmd_args(argc, argv, options, words, &count)) return false;
    q->method = words[0];
    q->target = words[1];
    const char *problem = problem_of(q, count);
    if (problem != NULL) (void)cmd_usage_error(argv[0], "%s", problem);
    if (q->file == NULL) q->file = CMD_DEFAULT_FILE;
    if (q->content_type == NULL) q->content_type = "application/x-www-form-urlencoded";
    return problem == NULL;
}

static void print_line(const char *label, struct str value) {
    if (value.len == 0) return;
    printf("%-9s", label);
    cmd_print(stdout, value);
    printf("\n");
}

static void print_place(const char *label, struct str name, struct str file, unsigned line) {
    printf("%-9s", label);
    cmd_print(stdout, name);
    printf("%s", name.len > 0 ? " (" : "");
    cmd_print(stdout, file);
    printf(":%u%s\n", line, name.len > 0 ? ")" : "");
}

static void print_refusal(unsigned status, const char *reason) {
    printf("verdict  refused\nstatus   %u\nreason   %s\n", status, reason);
}

static void print_account(const struct config *config, const struct decision *d) {
    const struct config_phone *phone = &config->phones[d->phone->index];
    bool admin = d->admin_account && phone->admin_login.user.len > 0;
    const struct config_account *account = admin ? &phone->admin_login : &phone->login;
    if (account->user.len == 0) {
        print_line("account", STR("none"));
        return;
    }
    printf("account  %s (", admin ? "admin_login" : "login");
    cmd_print(stdout, account->user);
    printf(")\n");
}

static int print_decision(const struct question *q, const struct config *config,
                          const struct decision *d) {
    bool allowed = d->verdict == DECIDE_FORWARD && d->phone != NULL;
    if (allowed)
        printf("verdict  allowed\nreason   %s\n", d->reason);
    else
        print_refusal(d->status, d->reason);
    print_line("detail", d->detail);
    print_line("user", str_of(q->user));
    print_line("role", d->role);
    if (d->grant != NULL) print_place("grant", STR_NONE, d->grant->file, d->grant->line);
    if (d->phone != NULL) {
        print_line("phone", d->phone->id);
        print_line("profile", d->phone->profile->name);
    }
    print_line("path", d->path.decoded);
    if (d->rule != NULL) print_place("rule", d->rule->name, d->rule->file, d->rule->line);
    if (d->phone != NULL && d->rule == NULL) print_line("rule", STR("none matches"));
    if (allowed) print_line("sent", d->target);
    if (allowed) print_account(config, d);
    return allowed ? CMD_FINE : CMD_NO;
}

static int judge(const struct question *q, const struct config *config, const struct user *user,
                 const struct textfile *body) {
    const struct explain_request request = {
        .method = str_of(q->method),
        .target = str_of(q->target),
        .phone = str_of(q->phone),
        .has_body = q->body_file != NULL,
        .body = {body->text, body->len},
        .content_type = str_of(q->content_type),
    };
    struct explain e;
    explain_init(&e);
    int status = CMD_NO;
    switch (explain_judge(&e, config, user, &request)) {
    case EXPLAIN_DECIDED:
        status = print_decision(q, config, &e.decision);
        break;
    case EXPLAIN_REFUSED:
        print_refusal(e.refusal.status, e.refusal.reason);
        break;
    case EXPLAIN_NO_HEAD:
        status = cmd_usage_error("explain", "METHOD and TARGET hold no line ends");
        break;
    }
    explain_deinit(&e);
    return status;
}

static int explain(const struct question *q, const struct config *config) {
    const struct user *user = users_find(config->policy.users, str_of(q->user));
    if (user == NULL) {
        print_refusal(401, "unknown_user");
        return CMD_NO;
    }
    struct textfile body = {0};
    char error[160];
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
