"""Images of the node: listing them, previewing and starting their garbage collection."""

from nodeagent.errors import AgentError
from nodeagent.model.image_gc import ImageReport
from nodeagent.server.acts import Act
from nodeagent.server.deeds import ImageDeeds
from nodeagent.server.refusals import Refusal


class Images(Act):
    """GET: the images and what a collection would remove. POST to `gc`: what it removed."""

    @property
    def image_deeds(self) -> ImageDeeds:
        """503 where the agent has none."""
        if self.deeds.images is None:
            raise Refusal(503, "this agent does not look after images")
        return self.deeds.images

    async def get(self) -> None:
        await self._answer_with(post=False)

    async def post(self) -> None:
        await self._answer_with(post=True)

    async def _answer_with(self, *, post: bool) -> None:
        deed = self.image_deeds.collect if post else self.image_deeds.report
        try:
            report: ImageReport = await deed(self.text("all") in ("1", "true"))
        except AgentError as error:
            raise Refusal(500, str(error)) from error
        self.answer(report)
