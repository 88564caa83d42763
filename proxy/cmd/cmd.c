#include "proxy/cmd/cmd.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void cmd_complain(const char *command, const char *format, va_list args) {
    char *text;
    ENSURE(vasprintf(&text, format, args) >= 0);
    fprintf(stderr, "phonegate %s: ", command);
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
    free(text);
}

int cmd_usage_error(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain(command, format, args);
    va_end(args);
    fprintf(stderr, "try: phonegate help %s\n", command);
    return CMD_USAGE;
}

static const struct cmd_option *find_option(const struct cmd_option *options, struct str name) {
    for (; options->name != NULL; options++)
        if (str_equal(str_of(options->name), name)) return options;
    return NULL;
}

/* Take the option at argv[*at]: "--name value" or "--name=value". */
static bool take_option(int argc, char **argv, int *at, const struct cmd_option *options) {
    struct str text = str_of(argv[*at]);
    size_t equals = text.ptr[1] == '-' ? str_find(text, '=', 0) : text.len;
    struct str name = str_part(text, 0, equals);
    const struct cmd_option *option = find_option(options, name);
    if (option == NULL) {
        (void)cmd_usage_error(argv[0], "unknown option %s", argv[*at]);
        return false;
    }
    if (*option->value != NULL) {
        (void)cmd_usage_error(argv[0], "%s stands there twice", option->name);
        return false;
    }
    if (equals < text.len) {
        *option->value = argv[*at] + equals + 1;
    } else if (*at + 1 < argc) {
        *option->value = argv[++*at];
    } else {
        (void)cmd_usage_error(argv[0], "%s needs a value", option->name);
        return false;
    }
    return true;
}

bool cmd_args(int argc, char **argv, const struct cmd_option *options, const char **words,
              size_t *count) {
    bool only_words = false;
    size_t room = *count;
    *count = 0;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, options)) return false;
        } else if (*count == room) {
            (void)cmd_usage_error(argv[0], "too many arguments: %s", argv[i]);
            return false;
        } else {
            words[(*count)++] = argv[i];
        }
    }
    return true;
}

static void drop_words(int *argc, char **argv, int at, int count) {
    /* The NULL behind them moves, too. */
    memmove(&argv[at], &argv[at + count], (size_t)(*argc - at - count + 1) * sizeof(*argv));
    *argc -= count;
}

bool cmd_take_flag(int *argc, char **argv, const char *flag) {
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], flag) != 0) continue;
        drop_words(argc, argv, i, 1);
        return true;
    }
    return false;
}

bool cmd_take_values(int *argc, char **argv, const char *name, const char **values, size_t *count) {
    size_t room = *count, len = strlen(name);
    *count = 0;
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0;) {
        bool alone = strcmp(argv[i], name) == 0;
        bool joined = strncmp(argv[i], name, len) == 0 && argv[i][len] == '=';
        if (!alone && !joined) {
            i++;
            continue;
        }
        if (*count == room || (alone && i + 1 == *argc)) {
            (void)cmd_usage_error(argv[0], *count == room ? "too many %s" : "%s needs a value",
                                  name);
            return false;
        }
        values[(*count)++] = alone ? argv[i + 1] : argv[i] + len + 1;
        drop_words(argc, argv, i, alone ? 2 : 1);
    }
    return true;
}

void cmd_print(FILE *to, struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool c1 = c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0;
        fputc(c < 0x20 || c == 0x7f || c1 ? '?' : c, to);
    }
}

bool cmd_may_colour(FILE *to) {
    const char *no = getenv("NO_COLOR");
    return (no == NULL || no[0] == '\0') && isatty(fileno(to)) == 1;
}

void cmd_report(void *user, enum config_level level, const char *file, unsigned line,
                const char *text) {
    struct cmd_problems *problems = user;
    bool is_error = level == CONFIG_ERROR;
    if (is_error)
        problems->errors++;
    else
        problems->warnings++;
    if (!is_error && problems->quiet_warnings) return;
    bool colour = cmd_may_colour(stderr);
    const char *on = is_error ? "\033[31m" : "\033[33m";
    cmd_print(stderr, str_of(file));
    if (line > 0) fprintf(stderr, ":%u", line);
    fprintf(stderr, ": %s%s%s: ", colour ? on : "", is_error ? "error" : "warning",
            colour ? "\033[0m" : "");
    cmd_print(stderr, str_of(text));
    fputc('\n', stderr);
}

int cmd_status_of(enum config_result result) {
    switch (result) {
    case CONFIG_OK:
        return CMD_FINE;
    case CONFIG_INVALID:
        return CMD_NO;
    case CONFIG_UNREADABLE:
        return CMD_USAGE;
    }
    return CMD_NO;
}
