/* The pins file, and phones whose pins are in it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/config/loader.h"
#include "proxy/config/pins.h"
#include "proxy/config/textfile.h"

/* Whoever can write there can pose as every phone. */
static bool others_may_write(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IWOTH) != 0;
}

static void take_line(struct loader *l, const struct pin_line *pin) {
    struct loaded_pin *fresh = reader_alloc(&l->reader, 1, sizeof(*fresh));
    fresh->pin = *pin;
    fresh->pin.phone = arena_copy(l->reader.arena, pin->phone);
    ENSURE(fresh->pin.phone.ptr != NULL);
    size_t first;
    if (l->pin_count == l->pin_room) {
        l->pin_room = l->pin_room == 0 ? 64 : 2 * l->pin_room;
        l->pins = realloc(l->pins, l->pin_room * sizeof(struct loaded_pin *));
        ENSURE(l->pins != NULL);
    }
    l->pins[l->pin_count] = fresh;
    if (!strmap_add(&l->pin_phones, fresh->pin.phone, l->pin_count, &first)) {
        fresh->next = l->pins[first]->next;
        l->pins[first]->next = fresh;
    }
    l->pin_count++;
}

void load_pins(struct loader *l) {
    struct str path = l->snapshot->config.pins_file;
    const config_setting_t *at = reader_at(l->root, "pins_file");
    struct textfile file;
    char error[160];
    if (path.len == 0 || l->sample || access(path.ptr, F_OK) != 0) return; /* none was added yet */
    if (others_may_write(path.ptr)) {
        reader_error(&l->reader, at, "\"pins_file\": others may write %s: chmod o-w", path.ptr);
        return;
    }
    if (!textfile_read(path.ptr, TEXTFILE_PUBLIC, PINS_FILE_MAX, &file, error, sizeof(error))) {
        reader_error(&l->reader, at, "\"pins_file\": %s: %s", path.ptr, error);
        return;
    }
    struct str text = {file.text, file.len}, line;
    struct problem_place place = {.rank = l->ranks++, .file = path.ptr};
    loader_digest(l, text);
    while (str_split(&text, '\n', &line)) {
        struct pin_line pin;
        const char *problem;
        place.order = ++place.line;
        if (pins_read_line(line, &pin, &problem))
            take_line(l, &pin);
        else if (problem != NULL)
            problems_add(&l->problems, CONFIG_ERROR, place, "%s", problem);
    }
    textfile_free(&file);
}

static const struct loaded_pin *pins_of(const struct loader *l, struct str id) {
    size_t first;
    return strmap_find(&l->pin_phones, id, &first) ? l->pins[first] : NULL;
}

/* No pin: the phone is refused, as one that shows another key. */
void load_phone_pins(struct loader *l, const config_setting_t *at, struct str id,
                     struct config_phone *phone) {
    const uint64_t now = (uint64_t)time(NULL);
    size_t count = 0;
    phone->verify = PHONE_VERIFY_PIN;
    phone->pins_in_file = true;
    if (l->snapshot->config.pins_file.len == 0) {
        reader_error(&l->reader, at, "\"from_pins_file\" needs \"pins_file\"");
        return;
    }
    const struct loaded_pin *first = pins_of(l, id);
    for (const struct loaded_pin *p = first; p != NULL; p = p->next) count++;
    uint8_t(*pins)[32] = reader_alloc(&l->reader, count, sizeof(*pins));
    uint64_t *until = reader_alloc(&l->reader, count, sizeof(*until));
    for (const struct loaded_pin *p = first; p != NULL; p = p->next) {
        if (p->pin.until_s > 0 && p->pin.until_s <= now) continue;
        memcpy(pins[phone->pin_count], p->pin.pin, sizeof(*pins));
        until[phone->pin_count++] = p->pin.until_s;
    }
    phone->pins = (const uint8_t(*)[32])pins;
    phone->pin_until_s = until;
    if (phone->pin_count == 0)
        reader_warning(&l->reader, at,
                       "%s has no pin of phone \"%.64s\"%s: nobody reaches it until `phonegate pin "
                       "add %.64s`",
                       l->snapshot->config.pins_file.ptr, id.ptr,
                       count > 0 ? " that is still in force" : "", id.ptr);
}
