/* proxy/harden/fetch as a program, for tests in Python:
 *
 *   phone_fetch FILE PHONE [-a] [-b] [-m MAX] METHOD TARGET [BODY]...
 *
 * Requests to the phone of the configuration FILE, one after the other; -a: with the account of
 * administrators; -b: as if the configuration had let the login Basic pass. One line each: status,
 * reason ("-": the phone answered), "nothing" where it hung up without a word, length of the body,
 * location, the body's first line. */
#include <stdio.h>
#include <string.h>

#include "policy/access/route.h"
#include "proxy/harden/fetch.h"
#include "proxy/run/solo.h"

struct run {
    struct solo solo;
    struct phone *phone;
    const struct config *config;
    const struct profile *profile;
    struct fetch_request request;
    char **words;
    int count;
};

static void problem(void *user, enum config_level level, const char *file, unsigned line,
                    const char *text) {
    (void)user;
    if (level == CONFIG_ERROR) fprintf(stderr, "%s:%u: %s\n", file, line, text);
}

static void next(struct run *run);

static void on_done(void *user, const struct fetch_answer *a) {
    struct run *run = user;
    struct str line = str_part(a->body, 0, str_find(a->body, '\n', 0));
    printf("%u\t%s\t%s\t%zu\t%.*s\t%.*s\n", a->status, a->reason == NULL ? "-" : a->reason,
           a->answered_nothing ? "nothing" : "-", a->body.len, STR_ARG(a->location), STR_ARG(line));
    next(run);
}

static void next(struct run *run) {
    if (run->count < 2) return;
    run->request.method = str_of(run->words[0]);
    run->request.target = str_of(run->words[1]);
    bool post = strcmp(run->words[0], "POST") == 0;
    run->request.body = post && run->count > 2 ? str_of(run->words[2]) : STR_NONE;
    run->request.changes = post;
    run->request.fields =
        post ? STR("Content-Type: application/x-www-form-urlencoded\r\n") : STR_NONE;
    int used = post ? 3 : 2;
    run->words += used;
    run->count -= used;
    struct phone_timeouts times = fetch_timeouts(&run->config->limits);
    (void)fetch_start(&run->solo.worker, run->phone, &run->request, &times, on_done, run);
}

int main(int argc, char **argv) {
    static struct run run;
    char error[256];
    struct config *config = NULL;
    if (argc < 5 || config_load(argv[1], problem, NULL, &config) != CONFIG_OK) return 2;
    run.config = config;
    const struct policy_phone *phone = route_by_id(config->policy.routes, str_of(argv[2]));
    if (phone == NULL || !solo_open(&run.solo, NULL, error, sizeof(error))) return 2;
    run.phone = phone_new(&config->phones[phone->index], 8, error, sizeof(error));
    if (run.phone == NULL) return 2;
    run.request.profile = phone->profile;
    run.request.answer_max = 1 << 20;
    int at = 3;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (argv[at][1] == 'a') run.request.account = ACCOUNT_ADMIN;
        if (argv[at][1] == 'b') run.phone->login = PHONE_LOGIN_BASIC;
        if (argv[at][1] == 'm') run.request.answer_max = (size_t)strtoul(argv[++at], NULL, 10);
    }
    run.words = argv + at;
    run.count = argc - at;
    next(&run);
    solo_run(&run.solo);
    phone_release(run.phone);
    solo_close(&run.solo);
    config_release(config);
    return 0;
}
