#include "proxy/config/config_sample.h"

#include <stdio.h>

#include "proxy/config/loader.h"

/* The hash of no password: it opens nothing, as nobody is ever asked for one. */
#define HA1 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void add_users(struct loader *l, const struct str *names, size_t count) {
    struct str realm = l->snapshot->draft.realm;
    l->snapshot->users = users_new(realm, l->key);
    for (size_t i = 0; i < count; i++) {
        char *line;
        int len = asprintf(&line, STR_FMT ":" STR_FMT ":" HA1, STR_ARG(names[i]), STR_ARG(realm));
        ENSURE(len >= 0);
        enum users_line verdict =
            users_add_line(l->snapshot->users, (struct str){line, (size_t)len});
        if (verdict != USERS_LINE_OK && verdict != USERS_LINE_REPEATED)
            reader_error(&l->reader, l->root, "user \"%.*s\": %s",
                         names[i].len < 80 ? (int)names[i].len : 80, names[i].ptr,
                         users_line_str(verdict));
        free(line);
    }
}

enum config_result config_sample(const struct config_sample *sample, config_report *report,
                                 void *user, struct config **config) {
    struct loader *l = loader_new();
    l->sample = true;
    enum source_result source = loader_read_text(l, sample->path, sample->text);
    if (source == SOURCE_OK) {
        load_settings(l, NULL);
        load_limits(l);
        add_users(l, sample->users, sample->user_count);
        load_access(l);
    }
    return loader_end(l, source, report, user, config);
}
