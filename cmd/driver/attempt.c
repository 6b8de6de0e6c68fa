#include "attempt.h"
#include <fcntl.h>
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "text/doc.h"

json_t *attempt_reply(const json_t *line)
{
    char now[WHEN_TEXT];
    return json_pack("{s:s*,s:s}", "id", json_text(line, "id"), "as_of",
                     moment_print(clock_ms(), now));
}

char *attempt_file(const json_t *line, const char *name)
{
    const char *native = json_text(line, "native"), *exitfile = json_text(line, "exitfile");
    const char *slash = exitfile ? strrchr(exitfile, '/') : NULL;
    if (native && *native == '/')
        return str_print("%s/%s", native, name);
    return slash ? str_print("%.*s/%s", (int)(slash - exitfile), exitfile, name) : NULL;
}

enum whose attempt_whose(const json_t *line)
{
    char text[128];
    own(str_fini) char *path = attempt_file(line, "started");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return !path || errno == ENOENT || errno == ENOTDIR ? SURELY_NOT : UNREADABLE;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return UNREADABLE;
    text[n] = '\0';
    return str_same(text, json_text(line, "stamp")) ? OURS : ANOTHERS;
}

bool attempt_alive(const json_t *line)
{
    own(str_fini) char *path = attempt_file(line, "alive");
    return path && lock_is_held(path);
}

static const char *state_of(const char *reason)
{
    return str_same(reason, "ok") ? "done" : str_same(reason, "killed") ? "cancelled" : "failed";
}

bool attempt_ended(const json_t *line, json_t *reply)
{
    own(json_fini) json_t *record = NULL;
    own(str_fini) char *path = attempt_file(line, "exit.json");
    struct err err = {0};
    if (!path || !path_exists(path) || doc_file(path, &record, &err) < 0 ||
        !str_same(json_text(record, "stamp"), json_text(line, "stamp")))
        return false;
    json_object_set_new(reply, "state", json_string(state_of(json_text(record, "reason"))));
    json_object_update(reply, record);
    json_object_set_new(reply, "source", json_string("exitfile"));
    return true;
}

bool attempt_forestall(const json_t *line)
{
    own(str_fini) char *path = attempt_file(line, "started");
    const char *stamp = json_text(line, "stamp");
    own(fd_fini) int fd =
        path && stamp ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    return fd >= 0 && write(fd, stamp, strlen(stamp)) > 0 && fsync(fd) == 0;
}
