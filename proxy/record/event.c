#include "proxy/record/event.h"

#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void put_time(json_t *object) {
    struct timespec now;
    struct tm t;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900,
             t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(now.tv_nsec / 1000000));
    json_object_set_new(object, "ts", json_string(text));
}

/* Octets that are not UTF-8 must not cost the record: they become '?'. */
static void put(json_t *object, const char *name, struct str value) {
    char text[EVENT_TEXT_MAX];
    if (value.len == 0) return;
    value = str_part(value, 0, sizeof(text));
    while (value.len > 0 && !str_is_utf8(value) && value.len == sizeof(text) &&
           ((unsigned char)value.ptr[value.len - 1] & 0x80) != 0)
        value.len--; /* a character that was cut */
    bool clean = str_is_utf8(value) && memchr(value.ptr, '\0', value.len) == NULL;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        text[i] = clean || (c >= 0x20 && c < 0x7f) ? (char)c : '?';
    }
    json_object_set_new(object, name, json_stringn(text, value.len));
}

/* With sudo it is the person that counts. The environment is believed only where it was root who
 * let them in. */
static void put_operator(json_t *object) {
    const char *behind = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    struct passwd entry, *found = NULL;
    char memory[4096], number[32];
    snprintf(number, sizeof(number), "%lu", (unsigned long)getuid());
    if (getpwuid_r(getuid(), &entry, memory, sizeof(memory), &found) != 0) found = NULL;
    put(object, "os_user", str_of(found != NULL ? found->pw_name : number));
    put(object, "os_sudo_user", str_of(behind));
}

void event_write(struct access_log *log, const struct event *event) {
    json_t *object = json_object();
    put_time(object);
    put(object, "event", str_of(event->event));
    put(object, "outcome", str_of(event->outcome));
    put(object, "reason", str_of(event->reason));
    put(object, "phone_id", event->phone);
    if (event->by_operator) put_operator(object);
    for (size_t i = 0; i < event->more_count; i++)
        put(object, event->more[i].name, event->more[i].value);
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    ENSURE(text != NULL);
    access_log_add(log, str_part(str_of(text), 1, strlen(text)));
    free(text);
}
