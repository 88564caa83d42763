/* phonegate pin: by which public key a phone is known.
 *
 * What a phone shows is never believed because it shows it: a person compares the fingerprint with
 * one from elsewhere, or gives the one that is expected. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/access/route.h"
#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"
#include "proxy/base/replace_file.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/cmd/operator_record.h"
#include "proxy/cmd/pin_look.h"
#include "proxy/config/pins.h"
#include "proxy/config/textfile.h"
#include "proxy/run/process.h"

#define ERROR_MAX 512
#define HEX_LEN   64
/* What has to be typed of a fingerprint: 64 bits. Of 32, whoever is in between finds a key that
 * ends in the same ones within an hour. */
#define TYPED_LEN 16

struct job {
    const struct config *config;
    const struct config_phone *phone;
    const char *expected; /* NULL: a person is asked */
    struct pin_look look;
    char hex[HEX_LEN + 1];
};

static int refuse(const char *format, ...) PRINTF_LIKE(1, 2);

static int refuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain("pin", format, args);
    va_end(args);
    return CMD_NO;
}

/* ---- looking ---- */

static bool take_look(struct job *job) {
    char error[ERROR_MAX];
    if (!job->phone->tls) {
        (void)refuse("phone %s is reached over plain HTTP: it shows no key",
                     job->phone->policy->id.ptr);
        return false;
    }
    if (!pin_look(job->phone, job->config->limits.phone_connect_ms, &job->look, error,
                  sizeof(error))) {
        (void)refuse("%s", error);
        return false;
    }
    struct outbuf out;
    outbuf_init(&out, job->hex, HEX_LEN);
    outbuf_hex(&out, job->look.pin, sizeof(job->look.pin));
    job->hex[HEX_LEN] = '\0';
    return true;
}

/* Is the key that it shows one of its pins? *until_s is that pin's end. */
static bool is_pinned(const struct job *job, uint64_t *until_s) {
    const struct config_phone *phone = job->phone;
    *until_s = 0;
    for (size_t i = 0; i < phone->pin_count; i++) {
        if (memcmp(phone->pins[i], job->look.pin, sizeof(job->look.pin)) != 0) continue;
        *until_s = phone->pin_until_s == NULL ? 0 : phone->pin_until_s[i];
        return true;
    }
    return false;
}

static void print_row(FILE *to, const char *name, const char *text) {
    fprintf(to, "  %-12s ", name);
    cmd_print(to, str_of(text));
    fputc('\n', to);
}

static void print_look(const struct job *job, FILE *to) {
    const struct pin_look *look = &job->look;
    char valid[96];
    snprintf(valid, sizeof(valid), "%s to %s%s", look->from, look->to,
             look->over ? " (not now)" : "");
    fprintf(to, "phone %s at " STR_FMT " shows\n", job->phone->policy->id.ptr,
            STR_ARG(job->phone->authority));
    print_row(to, "fingerprint", job->hex);
    print_row(to, "subject", look->subject);
    print_row(to, "issuer", look->issuer);
    print_row(to, "valid", valid);
    print_row(to, "key", look->key);
    print_row(to, "protocol", look->version);
}

static int show(struct job *job) {
    uint64_t until_s;
    char text[PINS_TIME_LEN];
    if (!take_look(job)) return CMD_NO;
    print_look(job, stdout);
    bool pinned = is_pinned(job, &until_s);
    if (until_s > 0) pins_time(until_s, text);
    if (job->phone->verify != PHONE_VERIFY_PIN)
        print_row(stdout, "pinned", "no: this phone is not known by pins");
    else
        print_row(stdout, "pinned", !pinned ? "no" : until_s == 0 ? "yes" : text);
    return pinned || job->phone->verify != PHONE_VERIFY_PIN ? CMD_FINE : CMD_NO;
}

/* ---- confirming ---- */

/* Hex digits of `text` without colons and blanks, in lower case; false where they are not as many
 * as fit. */
static bool normal(const char *text, char *hex, size_t len) {
    size_t at = 0;
    for (; *text != '\0'; text++) {
        if (*text == ':' || *text == ' ' || *text == '\n' || *text == '\r') continue;
        if (at == len || !ascii_is_hex(*text)) return false;
        hex[at++] = ascii_lower(*text);
    }
    return at == len;
}

static int compare(const struct job *job) {
    char hex[HEX_LEN];
    if (!normal(job->expected, hex, sizeof(hex)))
        return cmd_usage_error("pin",
                               "--yes needs the expected fingerprint: 64 hexadecimal digits");
    if (memcmp(hex, job->hex, HEX_LEN) == 0) return CMD_FINE;
    print_look(job, stderr);
    return refuse("phone %s shows another key than the one that is expected: nothing is changed",
                  job->phone->policy->id.ptr);
}

static int confirm(const struct job *job) {
    char line[128], typed[TYPED_LEN];
    print_look(job, stderr);
    fprintf(stderr,
            "Compare the fingerprint with the one that you have from elsewhere: read off over a\n"
            "cable to this phone alone, or from who set it up. Type its last %d digits from "
            "there: ",
            TYPED_LEN);
    fflush(stderr);
    if (fgets(line, sizeof(line), stdin) != NULL && normal(line, typed, sizeof(typed)) &&
        memcmp(typed, job->hex + HEX_LEN - TYPED_LEN, TYPED_LEN) == 0)
        return CMD_FINE;
    return refuse("that is not what the phone shows: nothing is changed");
}

/* ---- adding ---- */

static bool record(const struct job *job) {
    char old[32];
    snprintf(old, sizeof(old), "%zu", job->phone->pin_count);
    const struct event_field fields[] = {
        {"pin_sha256", str_of(job->hex)},
        {"pins_before", str_of(old)},
        {"confirmed", job->expected != NULL ? STR("fingerprint given") : STR("typed")}};
    const struct event event = {.event = "pin_added",
                                .outcome = "allowed",
                                .phone = job->phone->policy->id,
                                .by_operator = true,
                                .more = fields,
                                .more_count = ARRAY_LEN(fields)};
    return operator_record("pin", job->config->access_log.file, job->config->access_log.required,
                           &event);
}

static bool write_locked(const struct job *job, const struct replace_file *file, char *error) {
    struct textfile text = {0};
    const char *path = job->config->pins_file.ptr;
    bool is_new = access(path, F_OK) != 0;
    char why[ERROR_MAX / 2];
    if (!is_new && !textfile_read(path, TEXTFILE_PUBLIC, PINS_FILE_MAX, &text, why, sizeof(why))) {
        snprintf(error, ERROR_MAX, "%s: %s", path, why);
        return false;
    }
    size_t len;
    char *changed =
        pins_add((struct str){text.text, text.len}, job->phone->policy->id, job->look.pin,
                 (uint64_t)time(NULL), job->config->pin_window_ms / 1000, &len);
    bool good = replace_file_write(file, (struct str){changed, len}, error, ERROR_MAX);
    free(changed);
    textfile_free(&text);
    /* No secret, and the service reads what root has made. */
    if (good && is_new && chmod(path, 0644) != 0)
        fprintf(stderr, "warning: %s: %s\n", path, strerror(errno));
    return good;
}

static int write_pin(const struct job *job) {
    struct replace_file file;
    char error[ERROR_MAX];
    if (!replace_file_lock(&file, job->config->pins_file.ptr, error, sizeof(error)))
        return refuse("%s", error);
    bool good = write_locked(job, &file, error);
    replace_file_unlock(&file);
    if (!good) return refuse("%s", error);
    printf("phone %s is known by %s\n", job->phone->policy->id.ptr, job->hex);
    if (job->phone->pin_count > 0) {
        char text[PINS_TIME_LEN];
        pins_time((uint64_t)time(NULL) + job->config->pin_window_ms / 1000, text);
        printf("its older pins count until %s at most\n", text);
    }
    fflush(stdout);
    control_reload("pin", job->config->state_dir);
    return CMD_FINE;
}

static int add(struct job *job) {
    uint64_t until_s;
    const char *id = job->phone->policy->id.ptr;
    if (!job->phone->pins_in_file)
        return refuse(
            "phone %s takes no pins from a file: give it tls: { from_pins_file = true; }, "
            "or change its pin_sha256 by hand",
            id);
    if (job->expected == NULL && isatty(STDIN_FILENO) != 1)
        return cmd_usage_error("pin", "nobody is there to compare: give --yes FINGERPRINT");
    if (!take_look(job)) return CMD_NO;
    if (is_pinned(job, &until_s) && until_s == 0) {
        printf("phone %s is known by %s already\n", id, job->hex);
        return CMD_FINE;
    }
    int status = job->expected != NULL ? compare(job) : confirm(job);
    if (status != CMD_FINE) return status;
    return record(job) ? write_pin(job) : CMD_NO;
}

int cmd_pin(int argc, char **argv) {
    const char *file = NULL, *words[2] = {NULL, NULL};
    struct job job = {.config = NULL};
    const struct cmd_option options[] = {{"-c", &file}, {"--yes", &job.expected}, {NULL, NULL}};
    size_t count = ARRAY_LEN(words);
    if (!cmd_args(argc, argv, options, words, &count)) return CMD_USAGE;
    bool adds = words[0] != NULL && strcmp(words[0], "add") == 0;
    if (!adds && (words[0] == NULL || strcmp(words[0], "show") != 0))
        return cmd_usage_error(argv[0], "show or add?");
    if (count != 2) return cmd_usage_error(argv[0], "PHONE is missing");
    if (!adds && job.expected != NULL) return cmd_usage_error(argv[0], "--yes goes with add");
    process_prepare(); /* before a password is read */
    struct cmd_problems problems = {.quiet_warnings = true};
    struct config *config;
    enum config_result result =
        config_load(file == NULL ? CMD_DEFAULT_FILE : file, cmd_report, &problems, &config);
    if (config == NULL) return cmd_status_of(result);
    const struct policy_phone *phone = route_by_id(config->policy.routes, str_of(words[1]));
    int status = CMD_NO;
    job.config = config;
    if (phone == NULL) {
        (void)refuse("the configuration has no phone %s", words[1]);
    } else {
        job.phone = &config->phones[phone->index];
        status = adds ? add(&job) : show(&job);
    }
    config_release(config);
    return status;
}
