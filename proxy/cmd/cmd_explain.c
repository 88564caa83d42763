#include <string.h>

#include "policy/access/decide.h"
#include "policy/access/route.h"
#include "policy/base/outbuf.h"
#include "proxy/cmd/cmd.h"
#include "proxy/config/textfile.h"
#include "proxy/http/http_strict.h"

/* More than any request needs: serve's own cap never decides what is explained here. */
#define ARENA_CAP ((size_t)64 << 20)

struct question {
    const char *file, *user, *phone, *method, *target, *body_file, *content_type;
};

struct explain {
    const struct question *question;
    const struct config *config;
    const struct config_phone *phone; /* NULL: no such phone */
    struct textfile body;
    struct arena arena;
    struct hasher *hasher;
    struct request_view view;
    struct decision decision;
};

static bool read_question(int argc, char **argv, struct question *q) {
    const struct cmd_option options[] = {
        {"-c", &q->file},
        {"--user", &q->user},
        {"--phone", &q->phone},
        {"--body", &q->body_file},
        {"--content-type", &q->content_type},
        {NULL, NULL},
    };
    const char *words[2] = {NULL, NULL};
    size_t count = ARRAY_LEN(words);
    if (!cmd_args(argc, argv, options, words, &count)) return false;
    q->method = words[0];
    q->target = words[1];
    const char *problem = NULL;
    if (q->user == NULL) problem = "--user NAME is missing";
    if (q->phone == NULL) problem = "--phone ID is missing";
    if (count < 2) problem = "METHOD and TARGET are missing";
    if (count == 2 && q->target[0] != '/') problem = "TARGET is a path: it begins with /";
    if (q->content_type != NULL && q->body_file == NULL) problem = "--content-type needs --body";
    if (problem != NULL) (void)cmd_usage_error(argv[0], "%s", problem);
    if (q->file == NULL) q->file = CMD_DEFAULT_FILE;
    if (q->content_type == NULL) q->content_type = "application/x-www-form-urlencoded";
    return problem == NULL;
}

/* The head as a browser would send it. A phone without a name of its own, or none at all, is asked
 * for on the portal. */
static struct str write_head(struct explain *e) {
    const struct policy *policy = &e->config->policy;
    const struct question *q = e->question;
    struct str host = e->phone == NULL ? STR_NONE : e->phone->policy->host;
    bool by_path = host.len == 0;
    if (by_path && policy->portal_host_count > 0) host = policy->portal_hosts[0];
    size_t cap = 512 + host.len + strlen(q->method) + strlen(q->target) + strlen(q->phone) +
                 strlen(q->content_type);
    struct outbuf out;
    char *memory = arena_alloc(&e->arena, cap);
    ENSURE(memory != NULL);
    outbuf_init(&out, memory, cap);
    outbuf_put(&out, str_of(q->method));
    outbuf_put(&out, by_path ? STR(" /phone/") : STR(" "));
    if (by_path) outbuf_put(&out, str_of(q->phone));
    outbuf_put(&out, str_of(q->target));
    outbuf_put(&out, STR(" HTTP/1.1\r\nHost: "));
    outbuf_put(&out, host);
    if (q->body_file != NULL) {
        outbuf_put(&out, STR("\r\nContent-Type: "));
        outbuf_put(&out, str_of(q->content_type));
        outbuf_put(&out, STR("\r\nContent-Length: "));
        outbuf_u64(&out, e->body.len);
    }
    outbuf_put(&out, STR("\r\n\r\n"));
    return outbuf_str(&out);
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

/* What serve would do with a request whose head it cannot accept. */
static int refuse_head(struct http_refusal refusal) {
    print_refusal(refusal.status, refusal.reason);
    return CMD_NO;
}

static void print_account(const struct explain *e) {
    const struct decision *d = &e->decision;
    bool admin = d->admin_account && e->phone->admin_login.user.len > 0;
    const struct config_account *account = admin ? &e->phone->admin_login : &e->phone->login;
    if (account->user.len == 0) {
        print_line("account", STR("none"));
        return;
    }
    printf("account  %s (", admin ? "admin_login" : "login");
    cmd_print(stdout, account->user);
    printf(")\n");
}

static int print_decision(const struct explain *e) {
    const struct decision *d = &e->decision;
    bool allowed = d->verdict == DECIDE_FORWARD;
    if (allowed)
        printf("verdict  allowed\nreason   %s\n", d->reason);
    else
        print_refusal(d->status, d->reason);
    print_line("detail", d->detail);
    print_line("user", str_of(e->question->user));
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
    if (allowed) print_account(e);
    return allowed ? CMD_FINE : CMD_NO;
}

/* The same two steps as serve: the head, then, if a rule wants to see it, the body. */
static int judge(struct explain *e, const struct user *user) {
    struct str head = write_head(e);
    const struct http_limits limits = {
        .header_bytes = e->config->limits.header_bytes,
        .headers = e->config->limits.headers,
        .target_bytes = e->config->limits.target_bytes,
    };
    struct header *headers = arena_alloc(&e->arena, limits.headers * sizeof(*headers));
    ENSURE(headers != NULL);
    struct http_scan scan;
    struct http_refusal refusal;
    size_t end;
    http_scan_init(&scan);
    enum http_head found = http_scan_request(&scan, head, &limits, &end, &refusal);
    if (found == HTTP_HEAD_BAD) return refuse_head(refusal);
    if (found != HTTP_HEAD_DONE || end != head.len)
        return cmd_usage_error("explain", "METHOD and TARGET hold no line ends");
    if (!http_strict_request(head, &limits, headers, &e->view, &refusal))
        return refuse_head(refusal);
    const struct decide_ctx ctx = {
        .policy = &e->config->policy,
        .hasher = e->hasher,
        .arena = &e->arena,
        .assume_user = user,
    };
    decide(&ctx, &e->view, &e->decision);
    if (e->decision.verdict == DECIDE_NEED_BODY)
        decide_body(&ctx, &e->view, (struct str){e->body.text, e->body.len}, &e->decision);
    return print_decision(e);
}

static int explain(struct explain *e) {
    const struct question *q = e->question;
    const struct policy *policy = &e->config->policy;
    const struct user *user = users_find(policy->users, str_of(q->user));
    if (user == NULL) {
        print_refusal(401, "unknown_user");
        return CMD_NO;
    }
    const struct policy_phone *phone = route_by_id(policy->routes, str_of(q->phone));
    if (phone != NULL) e->phone = &e->config->phones[phone->index];
    char error[160];
    if (q->body_file != NULL &&
        !textfile_read(q->body_file, TEXTFILE_PUBLIC, e->config->limits.body_bytes, &e->body, error,
                       sizeof(error)))
        return cmd_usage_error("explain", "%s: %s", q->body_file, error);
    return judge(e, user);
}

int cmd_explain(int argc, char **argv) {
    struct question question = {0};
    if (!read_question(argc, argv, &question)) return CMD_USAGE;
    struct cmd_problems problems = {.quiet_warnings = true};
    struct config *config;
    enum config_result result = config_load(question.file, cmd_report, &problems, &config);
    if (config == NULL) return cmd_status_of(result);
    struct explain e = {.question = &question, .config = config, .hasher = hasher_new()};
    arena_init(&e.arena, ARENA_CAP);
    int status = explain(&e);
    textfile_free(&e.body);
    arena_release(&e.arena);
    hasher_free(e.hasher);
    config_release(config);
    return status;
}
