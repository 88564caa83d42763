/* phonegate phone: phones of the configuration, from a table. */
#include <errno.h>
#include <libconfig.h>
#include <string.h>
#include <unistd.h>

#include "policy/base/bytes.h"
#include "proxy/base/replace_file.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/phone_import.h"
#include "proxy/config/hostport.h"
#include "proxy/config/textfile.h"

#define LOGIN_USER "gate"

struct options {
    const char *config, *output, *domain, *user, *service;
};

static int refuse(const char *format, ...) PRINTF_LIKE(1, 2);

static int refuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain("phone", format, args);
    va_end(args);
    return CMD_NO;
}

static void on_problem(void *user, unsigned line, const char *text) {
    const char *file = user;
    cmd_print(stderr, str_of(file));
    fprintf(stderr, ":%u: ", line);
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
}

/* What is written must be read again as what was meant: the parser of configurations has the last
 * word, whatever stood in the table. */
static bool reads_back(const char *text, size_t len, size_t phones) {
    char *whole;
    config_t tree;
    config_init(&tree);
    ENSURE(asprintf(&whole, "phones = (%.*s);\n", (int)len, text) > 0);
    bool good = config_read_string(&tree, whole) == CONFIG_TRUE;
    const config_setting_t *list = good ? config_lookup(&tree, "phones") : NULL;
    good = list != NULL && (size_t)config_setting_length(list) == phones;
    config_destroy(&tree);
    free(whole);
    return good;
}

/* A file that is there already holds other phones, which the configuration may include. */
static int write_output(const char *path, struct str text) {
    struct replace_file file = {.lock = -1};
    char error[256];
    int status = CMD_FINE;
    if (!replace_file_lock(&file, path, error, sizeof(error))) return refuse("%s", error);
    if (access(path, F_OK) == 0)
        status = refuse("%s is there already: nothing is overwritten", path);
    else if (!replace_file_write(&file, text, error, sizeof(error)))
        status = refuse("%s", error);
    replace_file_unlock(&file);
    return status;
}

/* What a newcomer would learn when it is too late. */
static void note_service(size_t phones) {
    if (phones > 0)
        fprintf(stderr,
                "note: %zu phone(s) without a service account (--service NAME): once "
                "hardened, only provisioning reads or changes their settings\n",
                phones);
}

static int finish(const struct options *options, const struct phone_import *in, const char *text,
                  size_t len) {
    if (!reads_back(text, len, in->phones))
        return refuse("what was made of this table cannot be read again: please report it");
    note_service(in->without_service);
    if (options->output == NULL)
        return fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0
                   ? CMD_FINE
                   : refuse("standard output: %s", strerror(errno));
    int status = write_output(options->output, (struct str){text, len});
    if (status == CMD_FINE) printf("wrote %zu phone(s) to %s\n", in->phones, options->output);
    return status;
}

static int import(const struct config *config, const struct options *options, const char *path) {
    char error[256], *text;
    size_t len;
    struct textfile table;
    struct phone_import in = {
        .config = config,
        .login_user = options->user != NULL ? options->user : LOGIN_USER,
        .service_user = str_of(options->service),
        .domain = str_of(options->domain),
        .has_vault = config->vault.file.len > 0,
        .has_pins = config->pins_file.len > 0,
        .report = on_problem,
        .report_user = (void *)(uintptr_t)path,
    };
    if (!textfile_read(path, TEXTFILE_PUBLIC, PHONE_IMPORT_BYTES_MAX, &table, error, sizeof(error)))
        return refuse("%s: %s", path, error);
    int status = CMD_NO;
    if (phone_import(&in, table.text, table.len, &text, &len)) {
        status = finish(options, &in, text, len);
        free(text);
    } else {
        status = refuse("%s: %zu problem(s), nothing written", path, in.problems);
    }
    textfile_free(&table);
    return status;
}

int cmd_phone(int argc, char **argv) {
    struct options options = {0};
    const char *words[2];
    size_t count = ARRAY_LEN(words);
    const struct cmd_option known[] = {
        {"-c", &options.config},   {"--output", &options.output},   {"--domain", &options.domain},
        {"--user", &options.user}, {"--service", &options.service}, {NULL, NULL}};
    if (!cmd_args(argc, argv, known, words, &count)) return CMD_USAGE;
    if (count != 2 || strcmp(words[0], "import") != 0)
        return cmd_usage_error(argv[0], "import, and the file of the table");
    char name[HOSTPORT_NAME_MAX + 1];
    if (options.service != NULL &&
        (*options.service == '\0' || strchr(options.service, ':') != NULL))
        return cmd_usage_error(argv[0], "%s is no name of an account", options.service);
    if (options.domain != NULL && !hostport_name(str_of(options.domain), name))
        return cmd_usage_error(argv[0], "%s is no domain", options.domain);
    struct cmd_problems problems = {.quiet_warnings = true};
    struct config *config;
    enum config_result result = config_load(
        options.config != NULL ? options.config : CMD_DEFAULT_FILE, cmd_report, &problems, &config);
    if (result != CONFIG_OK) return cmd_status_of(result);
    if (options.service != NULL && config->vault.file.len == 0) {
        config_release(config);
        return refuse("--service needs a vault in the configuration");
    }
    int status = import(config, &options, words[1]);
    config_release(config);
    return status;
}
