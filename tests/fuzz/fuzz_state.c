/* What is read from the state directory and its socket: any octets, and what is taken can be
 * written and read again. The first octet says which reader. */
#include <stdlib.h>
#include <string.h>

#include "policy/base/ensure.h"
#include "proxy/config/nonce_key.h"
#include "proxy/run/control_line.h"
#include "proxy/run/people.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW UINT64_C(1800000000000)

static void control_line(struct str text) {
    struct control_command command;
    if (!control_parse(text, &command)) return;
    ENSURE(command.name.len <= 255 && command.name.len < text.len + 1);
}

static void nonce_key(struct str text) {
    struct nonce_keys keys, again;
    char error[64], memory[NONCE_KEY_TEXT_MAX];
    struct outbuf out;
    if (!nonce_key_parse(text, &keys, error, sizeof(error))) return;
    outbuf_init(&out, memory, sizeof(memory));
    nonce_key_write(&keys, &out);
    ENSURE(!out.full && nonce_key_parse(outbuf_str(&out), &again, error, sizeof(error)));
    ENSURE(memcmp(keys.current, again.current, NONCE_KEY_LEN) == 0);
    ENSURE(keys.has_previous == again.has_previous && keys.made_s == again.made_s);
}

static void people(struct str text) {
    uint64_t key[2] = {1, 2};
    (void)people_key(text, key);
    struct lockout *lockout = lockout_new(4, 4, key, (struct policy_lock){0});
    struct sessions *sessions = sessions_new(4, key, (struct policy_lock){0});
    if (people_load(text, lockout, sessions, NOW)) {
        size_t len;
        char *again = people_text(lockout, sessions, key, 4, 4, &len);
        struct lockout *second = lockout_new(4, 4, key, (struct policy_lock){0});
        struct sessions *others = sessions_new(4, key, (struct policy_lock){0});
        ENSURE(people_load((struct str){again, len}, second, others, NOW));
        lockout_free(second);
        sessions_free(others);
        free(again);
    }
    lockout_free(lockout);
    sessions_free(sessions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        control_line(text);
        break;
    case 1:
        nonce_key(text);
        break;
    default:
        people(text);
    }
    return 0;
}
