/* phonegate user list */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "policy/auth/users.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/cmd_user_parts.h"
#include "proxy/config/users_dir.h"

static int load_file(const char *path, struct users *users) {
    char error[CMD_USER_ERROR];
    struct textfile text;
    if (!textfile_read(path, TEXTFILE_SECRET, CMD_USER_FILE_MAX, &text, error, sizeof(error)))
        return cmd_user_refuse("%s: %s", path, error);
    struct str rest = {text.text, text.len}, line;
    int status = CMD_FINE;
    for (unsigned number = 1; str_split(&rest, '\n', &line); number++) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        enum users_line verdict = users_add_line(users, line);
        if (verdict == USERS_LINE_OK || verdict == USERS_LINE_EMPTY) continue;
        fprintf(stderr, "%s:%u: error: %s\n", path, number, users_line_str(verdict));
        status = CMD_NO;
    }
    textfile_free(&text);
    return status;
}

static int load_directory(const char *path, struct users *users) {
    char error[CMD_USER_ERROR], **names;
    size_t count;
    int status = CMD_FINE;
    if (!users_dir_list(path, &names, &count, error, sizeof(error)))
        return cmd_user_refuse("%s: %s", path, error);
    for (size_t i = 0; i < count; i++)
        if (load_file(names[i], users) != CMD_FINE) status = CMD_NO;
    users_dir_free(names, count);
    return status;
}

int cmd_user_load(const struct config_users *settings, struct users **users) {
    static const uint64_t key[2]; /* our own file: nobody aims at the table */
    *users = users_new(settings->digest.realm, key);
    int status = CMD_FINE;
    if (settings->users_file.len > 0) status = load_file(settings->users_file.ptr, *users);
    if (settings->users_dir.len > 0 && load_directory(settings->users_dir.ptr, *users) != CMD_FINE)
        status = CMD_NO;
    for (size_t i = 0; i < settings->limit_count; i++) {
        const struct config_user_limits *entry = &settings->limits[i];
        (void)!users_limit(*users, entry->name, &entry->limits); /* `check` tells of strangers */
    }
    return status;
}

static void print_limits(const struct user_limits *limits) {
    const char *between = "\t";
    if (limits->disabled) {
        printf("%sdisabled", between);
        between = ", ";
    }
    if (limits->ends_ms > 0) {
        time_t last = (time_t)(limits->ends_ms / 1000) - 1; /* a second of the last day */
        struct tm day;
        gmtime_r(&last, &day);
        printf("%s%s %04d-%02d-%02d", between, last < time(NULL) ? "expired" : "expires",
               day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
        between = ", ";
    }
    if (limits->md5_is_off) printf("%sno MD5", between);
}

static void print_user(const struct user *user) {
    const char *between = "\t";
    cmd_print(stdout, user->name);
    for (int alg = HASH_ALGS - 1; alg >= 0; alg--) {
        if (!user->has[alg]) continue;
        printf("%s%s", between, hash_name((enum hash_alg)alg).ptr);
        between = ", ";
    }
    print_limits(&user->limits);
    printf("\n");
}

int cmd_user_list(const struct config_users *settings) {
    struct users *users;
    int status = cmd_user_load(settings, &users);
    for (size_t i = 0; i < users_count(users); i++) print_user(users_at(users, i));
    users_free(users);
    return status;
}
