/* only-libyaml FILE...: reads YAML files by libyaml, by a process for each processor, and makes
 * nothing of them: what a validator that uses this library cannot do without. Its time is the floor
 * of validate-10k. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yaml.h>

static void read_events(const unsigned char *bytes, size_t len)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int more = 1;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, bytes, len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    while (more) {
        if (!yaml_parser_parse(&parser, &event))
            _exit(65);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

int main(int argc, char **argv)
{
    static unsigned char bytes[65536];
    cpu_set_t set;
    int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1, failed = 0,
        status;
    for (int p = 0; p < processors; p++) {
        if (fork() != 0)
            continue;
        for (int i = 1 + p; i < argc; i += processors) {
            int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
            ssize_t n = read(fd, bytes, sizeof(bytes));
            if (n < 0)
                _exit(66);
            close(fd);
            read_events(bytes, (size_t)n);
        }
        _exit(0);
    }
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
