/* Any octets as a new name and as a new password: what is taken is UTF-8, is in its final form, and
 * is the same name as what was typed. */
#include "proxy/cmd/precis.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef bool make(struct str typed, struct textfile *out, char *error, size_t error_len);

static bool check(make *form, struct str typed) {
    struct textfile first, second;
    char error[160] = "";
    if (!form(typed, &first, error, sizeof(error))) {
        ENSURE(first.text == NULL && error[0] != '\0' && strlen(error) < sizeof(error) - 1);
        return false;
    }
    struct str kept = {first.text, first.len};
    ENSURE(kept.len > 0 && str_is_utf8(kept) && kept.ptr[kept.len] == '\0');
    for (size_t i = 0; i < kept.len; i++) {
        unsigned char c = (unsigned char)kept.ptr[i];
        ENSURE(c >= 0x20 && c != 0x7f);
    }
    ENSURE(form(kept, &second, error, sizeof(error)));
    ENSURE(str_equal(kept, (struct str){second.text, second.len}));
    if (form == precis_username) {
        ENSURE(precis_same_name(typed, kept) && precis_is_spelled_right(kept));
        ENSURE(precis_is_spelled_right(typed) == str_equal(typed, kept));
    }
    textfile_free(&first);
    textfile_free(&second);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str typed = {(const char *)data, size > 512 ? 512 : size};
    bool name = check(precis_username, typed);
    bool password = check(precis_password, typed);
    /* What may stand in a name may stand in a password; the parts of a name are judged alone. */
    ENSURE(password || !name || str_find(typed, ' ', 0) < typed.len ||
           memmem(typed.ptr, typed.len, "\xe3\x80\x80", 3) != NULL);
    return 0;
}
