"""A trained model inside a bot: Rasa component, Chinese values, actions, and the railway bot."""
