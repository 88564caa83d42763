#include "proxy/run/control_line.h"

#include "policy/auth/users.h"

static const struct {
    struct str word;
    bool named;
} verbs[] = {
    [CONTROL_UNLOCK] = {{"unlock", 6}, true},
    [CONTROL_SIGNOUT] = {{"signout", 7}, true},
    [CONTROL_RELOAD] = {{"reload", 6}, false},
    [CONTROL_STATUS] = {{"status", 6}, false},
};

/* A name as a users file may hold it. */
static bool is_name(struct str name) {
    if (name.len == 0 || name.len > USERS_NAME_MAX || !str_is_utf8(name)) return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f || c == ':') return false;
    }
    return true;
}

bool control_parse(struct str line, struct control_command *command) {
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        struct str word = verbs[i].word;
        if (!str_starts_with(line, word)) continue;
        struct str rest = str_part(line, word.len, line.len);
        command->verb = (enum control_verb)i;
        command->name = str_part(rest, 1, rest.len);
        if (!verbs[i].named) return rest.len == 0;
        return rest.len > 0 && rest.ptr[0] == ' ' && is_name(command->name);
    }
    return false;
}
