#include <errno.h>
#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/explain.h"

struct question {
    struct str user;
    struct explain_request request;
};

/* Octets written as %XX, in place: the text only becomes shorter. */
static bool unescape(char *text, size_t *len) {
    size_t to = 0;
    for (size_t from = 0; from < *len; from++, to++) {
        text[to] = text[from];
        if (text[from] != '%') continue;
        int high = from + 2 < *len ? ascii_hex_value(text[from + 1]) : -1;
        int low = high >= 0 ? ascii_hex_value(text[from + 2]) : -1;
        if (low < 0) return false;
        text[to] = (char)(high << 4 | low);
        from += 2;
    }
    *len = to;
    return true;
}

/* USER PHONE METHOD TARGET [TYPE BODY] [@SENDER], with a tab between them. NULL, or what is wrong.
 */
static const char *read_line(char *line, size_t len, struct question *q) {
    struct str rest = {line, len};
    struct str fields[7] = {STR_NONE};
    size_t count = 0;
    enum explain_sender sender = EXPLAIN_OWN_PAGE;
    while (count < ARRAY_LEN(fields) && str_split(&rest, '\t', &fields[count])) count++;
    if (count % 2 == 1 && !explain_sender_from(fields[--count], &sender)) count = 0;
    if (rest.ptr != NULL || (count != 4 && count != 6))
        return "4 or 6 fields are wanted, and behind them perhaps @SENDER";
    if (!str_starts_with(fields[3], STR("/"))) return "TARGET is a path: it begins with /";
    q->user = fields[0];
    q->request = (struct explain_request){
        .phone = fields[1],
        .method = fields[2],
        .target = fields[3],
        .has_body = count == 6,
        .content_type = fields[4],
        .body = fields[5],
        .sender = sender,
    };
    if (count != 6) q->request.content_type = q->request.body = STR_NONE;
    if (count == 6 && !unescape(line + (fields[5].ptr - line), &q->request.body.len))
        return "a % without two hex digits in BODY";
    return NULL;
}

static void print_field(struct str value, char behind) {
    cmd_print(stdout, value.len > 0 ? value : STR("-"));
    putchar(behind);
}

static void print_refusal(unsigned status, const char *reason) {
    printf("refused\t%u\t", status);
    print_field(str_of(reason), '\t');
}

static bool print_decision(const struct decision *d) {
    bool allowed = d->verdict == DECIDE_FORWARD && d->phone != NULL;
    if (allowed)
        printf("allowed\t-\t%s\t", d->reason);
    else
        print_refusal(d->status, d->reason);
    print_field(d->rule != NULL ? d->rule->name : STR_NONE, '\t');
    print_field(d->path.decoded, '\n');
    return allowed;
}

/* Judge one and print the answer. CMD_USAGE without one: no single request. */
static int answer(struct explain *e, const struct config *config, const struct question *q) {
    const struct user *user = users_find(config->policy.users, q->user);
    enum explain_result result = EXPLAIN_REFUSED;
    if (user != NULL)
        result = explain_judge(e, config, user, &q->request);
    else
        e->refusal = (struct http_refusal){401, "unknown_user"};
    switch (result) {
    case EXPLAIN_DECIDED:
        return print_decision(&e->decision) ? CMD_FINE : CMD_NO;
    case EXPLAIN_REFUSED:
        print_refusal(e->refusal.status, e->refusal.reason);
        puts("-\t-");
        return CMD_NO;
    case EXPLAIN_NO_HEAD:
        return CMD_USAGE;
    }
    return CMD_USAGE;
}

static int answer_lines(struct explain *e, const struct config *config, FILE *file) {
    int status = CMD_FINE;
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    for (unsigned long number = 1; (got = getline(&line, &room, file)) > 0; number++) {
        size_t len = (size_t)got;
        if (line[len - 1] == '\n') len--;
        struct question question;
        const char *problem = read_line(line, len, &question);
        int one = problem == NULL ? answer(e, config, &question) : CMD_USAGE;
        if (one != CMD_FINE) status = one;
        if (one != CMD_USAGE) continue;
        if (problem == NULL) problem = "METHOD and TARGET hold no line ends";
        (void)cmd_usage_error("explain", "request %lu: %s", number, problem);
        break;
    }
    free(line);
    if (ferror(file) != 0) status = cmd_usage_error("explain", "%s", strerror(errno));
    return status;
}

int cmd_explain_list(const struct config *config, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL) return cmd_usage_error("explain", "%s: %s", path, strerror(errno));
    struct explain e;
    explain_init(&e);
    int status = answer_lines(&e, config, file);
    explain_deinit(&e);
    if (!standard) (void)fclose(file);
    return status;
}
