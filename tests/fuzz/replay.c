/* replay FILE|DIRECTORY...: gives each file to the target it is linked with; prints how many. For
 * compilers without libFuzzer: the kept corpus is replayed in make check. */
#include <dirent.h>
#include "fuzz.h"
#include "text/buf.h"

static size_t replay_file(const char *path)
{
    own(buf_fini) struct buf b = {0};
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f) {
        perror(path);
        exit(1);
    }
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&b, chunk, n);
    fclose(f);
    /* A copy of just this size, so that ASan sees a read behind the end. */
    uint8_t *exact = malloc(b.len ? b.len : 1);
    memcpy(exact, b.len ? b.bytes : "", b.len);
    LLVMFuzzerTestOneInput(exact, b.len);
    free(exact);
    return 1;
}

static size_t replay(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;
    if (!dir)
        return replay_file(path);
    for (struct dirent *e; (e = readdir(dir));) {
        own(str_fini) char *file = str_print("%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            n += replay(file);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    printf("%zu replayed\n", n);
    return n == 0;
}
