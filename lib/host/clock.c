#include <sys/random.h>
#include <sys/timerfd.h>
#include "host/clock.h"

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_boot(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

struct when clock_when(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (struct when){t.tv_sec, (int32_t)t.tv_nsec};
}

char *clock_uuid(char text[UUID_TEXT])
{
    uint8_t random[10];
    while (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        ;
    return uuid_print(clock_ms(), random, text);
}

char *clock_chance(char text[CHANCE_TEXT])
{
    uint8_t random[CHANCE_TEXT / 2];
    while (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        ;
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    return text;
}

int clock_watch(void)
{
    const struct itimerspec never = {.it_value.tv_sec = (time_t)1 << 40};
    const int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0 &&
        timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
