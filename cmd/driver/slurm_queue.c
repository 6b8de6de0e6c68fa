#include <fcntl.h>
#include "attempt.h"
#include "host/path.h"
#include "slurm.h"

void cluster_fini(struct cluster *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->list[i].id);
        free(c->list[i].stamp);
        free(c->list[i].state);
        free(c->list[i].why);
        free(c->list[i].node);
    }
    free(c->list);
    c->list = NULL;
    c->n = 0;
}

/* id|state|end|node|name|reason, and in the last there may be anything. */
static void add_row(struct cluster *c, char *row)
{
    char *parts[6], *rest = row;
    struct tm tm = {0};
    for (size_t i = 0; i < COUNT(parts); i++)
        parts[i] = i + 1 < COUNT(parts) ? strsep(&rest, "|") : rest;
    if (!parts[5] || !str_begins(parts[4], "execdm-"))
        return;
    const char *read = strptime(parts[2], "%Y-%m-%dT%H:%M:%S", &tm);
    c->list = mem_grow(c->list, c->n + 1, sizeof(*c->list));
    c->list[c->n++] = (struct seen){.id = str_new(parts[0]),
                                    .stamp = str_new(parts[4]),
                                    .state = str_new(parts[1]),
                                    .why = str_new(parts[5]),
                                    .node = str_new(parts[3]),
                                    .end = read ? timegm(&tm) : 0};
}

int cluster_read(struct cluster *c, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    strs_add(&words, "squeue");
    strs_add(&words, "--noheader");
    strs_add(&words, "--states=all");
    strs_add(&words, "--all"); /* of hidden partitions, too */
    strs_print(&words, "--user=%u", (unsigned)getuid());
    strs_add(&words, "--format=%i|%T|%e|%N|%j|%r");
    if (slurm_run(&s, &words, c->call, err) < 0)
        return -1;
    char *row, *rest = s.out.bytes;
    cluster_fini(c);
    while ((row = strsep(&rest, "\n")))
        add_row(c, row);
    return 0;
}

const struct seen *cluster_find(const struct cluster *c, const json_t *line)
{
    const char *stamp = json_text(line, "stamp"), *native = json_text(line, "native");
    const struct seen *found = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct seen *one = &c->list[i];
        const bool over = seen_is_over(one);
        if (!str_same(one->stamp, stamp))
            continue;
        if (!found || (seen_is_over(found) && !over) ||
            (seen_is_over(found) == over && str_same(one->id, native)))
            found = one;
    }
    return found;
}

char *slurm_noted_id(const json_t *line)
{
    char text[64];
    own(str_fini) char *path = attempt_file(line, "slurm");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    return str_new(text);
}
